export const REGION = 'us-east-1'
export const ACCOUNT = '000000000000'

/** A function as its environments need to know it. */
export interface LambdaFunction {
  name: string
  /** `module.export` below `root`. */
  handler: string
  root: string
  /** Where it runs; on Lambda the same as `root`. */
  directory: string
  /** Seconds. */
  timeout: number
  memory: number
  variables: Record<string, string>
}

export const functionArn = (name: string) => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`

/**
 * What the API takes for a function: its name, or a partial or whole ARN, each with a qualifier or without.
 * Locally a function has one version, and every alias is that.
 */
export function parseFunctionName(text: string): { name: string; arn: string } | undefined {
  const [, name, qualifier = ''] =
    /^(?:(?:arn:[\w-]+:lambda:[\w-]+:)?\d{12}:function:)?([\w-]+)(:[\w$-]+)?$/.exec(text) ?? []
  return name ? { name, arn: functionArn(name) + qualifier } : undefined
}
