import { createHash } from 'node:crypto'
import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { log } from '../http/log.ts'
import type { Target } from './router.ts'

/** A change of a registration. Without `from` it was created, without `to` it was deleted. */
interface Change {
  from?: Registration
  to?: Registration
}

/**
 * Writes the audit entry of a change. Call it when the change is in the table. The digests tell
 * whether two registrations are the same, and hold nothing of their content.
 */
export function audit(
  { from, to }: Change,
  { caller, requestId }: Pick<Target, 'caller' | 'requestId'>,
) {
  log.info('registration changed', {
    requestId,
    action: from ? (to ? 'replace' : 'delete') : 'create',
    registration: (to ?? from)?.id,
    by: caller.arn,
    from: from && stateOf(from),
    to: to && stateOf(to),
  })
}

const stateOf = (registration: Registration) => ({
  version: registration.version,
  lambdaArn: registration.lambdaArn,
  digest: digestOf(registration),
})

/** Of the content: of everything but who wrote it, when, and how often. */
function digestOf(registration: Registration): string {
  const { version, createdAt, updatedAt, createdBy, updatedBy, ...content } = registration
  return createHash('sha256')
    .update(JSON.stringify(sorted(content)))
    .digest('hex')
}

/** With sorted keys: a PUT may send the same fields in another order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
