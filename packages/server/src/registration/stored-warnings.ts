import {
  parsePrincipalPattern,
  type Registration,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { isOwnFunction } from './own-functions.ts'

/**
 * What a stored registration holds that would be refused today: an older version accepted it. The
 * gateway does not act on it.
 */
export function storedWarnings(
  { lambdaArn, allow = [] }: Registration,
  ownFunctions: readonly string[],
): string[] {
  const patterns = allow.flatMap((text, index) => {
    const parsed = parsePrincipalPattern(text)
    return typeof parsed === 'string'
      ? [`/allow/${index} matches no caller: "${text}" ${parsed}`]
      : []
  })
  return isOwnFunction(lambdaArn, ownFunctions)
    ? [
        "/lambdaArn names a function of the gateway's own stack: delete the registration",
        ...patterns,
      ]
    : patterns
}
