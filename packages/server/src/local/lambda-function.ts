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
  /** As Lambda names it, such as `nodejs22.x` or `python3.13`. Default: the newest Node.js. */
  runtime?: string
  /** Runs the function. Absent: the function runs on the Node.js of this process. */
  python?: PythonInterpreter
  /** Concurrent invocations. Default: the limit of the gateway. */
  concurrency?: number
  /**
   * Whether it needs a tenant id, or refuses one. Undefined for a function without a template,
   * which takes both.
   */
  isolatesTenants?: boolean
  /** Starts the inspector of Node.js on this port; 0 is a free one. */
  inspectPort?: number
}

export interface PythonInterpreter {
  /** Path of the program. */
  program: string
  /** Such as `3.12`. */
  version: string
  /** AWS's own runtime client is installed, and is used. */
  hasRuntimeClient: boolean
}

export const NEWEST_NODE_RUNTIME = 'nodejs24.x'
