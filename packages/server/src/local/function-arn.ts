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

/** A function as the API is asked for it. */
export interface Named {
  name: string
  qualifier?: string
  /** As it was asked for, with the qualifier. */
  arn: string
  /** Of this account and region, where there are functions. */
  local: boolean
}

/**
 * What the API takes for a function: its name, or a partial or whole ARN, each with a qualifier or without.
 * Locally a function has one version, and every alias is that.
 */
export function parseFunctionName(text: string): Named | undefined {
  const [, region = REGION, account = ACCOUNT, name, qualifier] =
    /^(?:(?:arn:[\w-]+:lambda:([\w-]+):)?(\d{12}):function:)?([\w-]+)(?::([\w$-]+))?$/.exec(text) ??
    []
  if (!name) return undefined
  const arn = `arn:aws:lambda:${region}:${account}:function:${name}${qualifier ? `:${qualifier}` : ''}`
  const local = region === REGION && account === ACCOUNT
  return { name, arn, local, ...(qualifier && { qualifier }) }
}
