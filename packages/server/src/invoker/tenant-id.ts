import { createHash } from 'node:crypto'
import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Invocation } from './invoker.ts'

/**
 * The tenant of a call, for a function with tenant isolation: Lambda runs its calls in environments
 * that no other tenant uses. A call without a session has the tenant of its principal. The three
 * forms differ, so that no session is the principal of another call.
 * https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html
 */
export function tenantIdOf(
  { tenant }: Pick<Registration, 'tenant'>,
  { caller, sessionId }: Pick<Invocation, 'caller' | 'sessionId'>,
): string | undefined {
  if (!tenant) return undefined
  if (tenant === 'account') return caller.accountId
  const id = (tenant === 'session' ? sessionId : undefined) ?? caller.owner
  return ACCEPTED.test(id) ? id : `sha256:${createHash('sha256').update(id).digest('hex')}`
}

/** A role-session name may have a comma, and the path of a user more characters. */
const ACCEPTED = /^[\w.:/=+@ -]{1,256}$/
