/** A function as its execution environments need to know it. */
export interface LambdaFunction {
  name: string
  /** `module.export` below `root`. */
  handler: string
  root: string
  /** The working directory. On Lambda it is the same as `root`. */
  directory: string
  /** Seconds. */
  timeout: number
  /** Megabytes. The function reads the number; the process is not limited to it. */
  memory: number
  variables: Record<string, string>
  /** The function's LoggingConfig. Absent: plain text, as for a new function on Lambda. */
  logging?: { format: 'JSON' | 'Text'; level?: string }
}
