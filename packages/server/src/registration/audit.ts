import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { principalArn, sessionNameOf } from '../http/caller.ts'
import { log } from '../http/log.ts'
import { contentDigest } from './content.ts'
import type { Target } from './router.ts'

/** A change of a registration. Without `from` it was created, without `to` it was deleted. */
interface Change {
  from?: Registration
  to?: Registration
}

/**
 * Writes the audit entry of a change, with the names of the fields of a call's entry. Call it when
 * the change is in the table. The digests tell
 * whether two registrations are the same, and hold nothing of their content.
 */
export function audit(
  { from, to }: Change,
  { caller, requestId }: Pick<Target, 'caller' | 'requestId'>,
) {
  log.info('registration changed', {
    requestId,
    action: from ? (to ? 'replace' : 'delete') : 'create',
    item: (to ?? from)?.id,
    caller: principalArn(caller.arn),
    sessionName: sessionNameOf(caller.arn),
    from: from && stateOf(from),
    to: to && stateOf(to),
  })
}

const stateOf = (registration: Registration) => ({
  version: registration.version,
  lambdaArn: registration.lambdaArn,
  digest: contentDigest(registration),
})
