export const REGION = 'us-east-1'
export const ACCOUNT = '000000000000'

export const functionArn = (name: string) => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`

/** The function that a caller of the Lambda API names. */
export interface FunctionReference {
  name: string
  qualifier?: string
  /** With the qualifier, if the caller gave one. */
  arn: string
  /** Whether the ARN has the account and region of the local gateway. */
  local: boolean
}

/**
 * Parses a function name, a partial ARN or a whole ARN, each with or without a qualifier. Undefined
 * for any other text. Locally a function has one version, and every alias points to it.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters
 */
export function parseFunctionName(text: string): FunctionReference | undefined {
  const [, region = REGION, account = ACCOUNT, name, qualifier] =
    /^(?:(?:arn:[\w-]+:lambda:([\w-]+):)?(\d{12}):function:)?([\w-]+)(?::([\w$-]+))?$/.exec(text) ??
    []
  if (!name) return undefined
  const suffix = qualifier ? `:${qualifier}` : ''
  const arn = `arn:aws:lambda:${region}:${account}:function:${name}${suffix}`
  const local = region === REGION && account === ACCOUNT
  return { name, arn, local, ...(qualifier && { qualifier }) }
}
