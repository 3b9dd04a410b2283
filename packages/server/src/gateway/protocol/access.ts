import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type Caller, principalArn } from '../../http/caller.ts'
import type { Snapshot } from '../../registry/cached.ts'

/** Whether a caller may see and use a registration. Every list and every call checks it here. */
export function mayUse({ allow }: Registration, caller: Caller): boolean {
  if (!allow) return true
  const principal = withoutPath(principalArn(caller.arn))
  return allow.some(pattern =>
    pattern.endsWith(':root')
      ? accountOf(pattern) === caller.accountId
      : matches(withoutPath(pattern), principal),
  )
}

/** The registrations of one type that a caller may see. */
export function visible<Type extends keyof Snapshot>(
  snapshot: Snapshot,
  type: Type,
  caller: Caller,
): (Snapshot[Type] extends ReadonlyMap<string, infer Item> ? Item : never)[] {
  return [...snapshot[type].values()].filter(it => mayUse(it, caller)) as never
}

// The ARN of a role session names its role without the path, so paths are not compared.
const withoutPath = (arn: string) => arn.replace(/:(role|user)\/.*\//, ':$1/')

const accountOf = (arn: string) => arn.split(':')[4]

/** `*` stands for any characters, as in IAM. */
function matches(pattern: string, value: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === value
  if (!value.startsWith(first)) return false
  const last = rest.pop() ?? ''
  let at = first.length
  for (const part of rest) {
    const found = value.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return value.length - last.length >= at && value.endsWith(last)
}
