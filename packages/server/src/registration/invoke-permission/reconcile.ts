import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Registration,
  RegistrationStatus,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import type { Registry } from '../../registry/registry.ts'
import { eachOf } from './each-of.ts'
import type { InvokePermissions, PermissionCheck, RevokeFailure } from './permissions.ts'
import type { Revocation, Revocations } from './revocations.ts'

/**
 * Environments of the gateway read the registry once a second. Until then they invoke the function
 * that a registration had before, so its permission is kept for longer than that.
 */
export const GRACE_MS = 2_000

/** Keeps the gateway's invoke permissions equal to what is registered. */
export interface Reconciler {
  status(registration: Registration): Promise<RegistrationStatus>
  /** The status that `grant` would give. Changes nothing. */
  check(registration: Registration): Promise<PermissionCheck>
  /** Call it after the registration is stored. */
  grant(registration: Registration): Promise<RegistrationStatus>
  /** Call it before the registry removes the registration or gives it another function. */
  beginRevoke(registration: Registration): Promise<Revocation>
  /**
   * Call it after the registry has changed, or has refused the change. Waits for `graceMs` where a
   * function is no longer used, then revokes the permissions that no registration needs. Gives the
   * warnings for those that could not be revoked, or for which there is no time, by the ARN of the
   * function.
   */
  finishRevoke(
    revocations: readonly Revocation[],
    graceMs?: number,
    hasTime?: () => boolean,
  ): Promise<ReadonlyMap<string, string[]>>
  /**
   * Finishes what interrupted calls have left: calls for these registrations, and calls for others
   * where it is certain that they were interrupted. A failure, and what there is no time for, is
   * left to the next call.
   */
  finishInterrupted(ids: readonly string[], hasTime?: () => boolean): Promise<void>
  /** Those of these registrations for which `finishInterrupted` has something to do. */
  interrupted(ids: readonly string[]): Promise<ReadonlySet<string>>
}

/**
 * The registry and the policy of a function cannot change in one transaction. So the policy follows
 * the registry, and a note in `revocations` makes sure that an interrupted call is finished:
 *
 *     POST     row   ─►  statement
 *     DELETE   note  ─►  row gone  ─►  statement gone  ─►  note gone
 *     PUT      note  ─►  row  ─►  new statement  ─►  old statement gone  ─►  note gone
 *
 * After an interrupted POST the status shows the missing statement, and repair grants it. After an
 * interrupted DELETE or PUT the next call finds the note.
 *
 * All registrations of a function share one statement, so two calls at once may disagree about it:
 *
 *     DELETE a    row gone · no row needs it     · removes it · reads again: b needs it, adds it
 *     POST b                            row · finds it: ready
 *
 * So a call that has changed a statement reads the registry again, and changes the statement again
 * where the two disagree. A row that is written after that read belongs to a call that will read
 * later. No read goes through the registry: `isUsed` reads the rows of one function.
 */
export function createReconciler(
  registry: Registry,
  permissions: InvokePermissions,
  revocations: Revocations,
): Reconciler {
  return {
    status: ({ lambdaArn }) => permissions.status(lambdaArn),
    check: ({ lambdaArn }) => permissions.check(lambdaArn),
    async grant(registration) {
      const { lambdaArn } = registration
      const status = await permissions.grant(lambdaArn)
      // A call that deleted the registration may have removed the statement before it was added
      // here.
      const now = await registry.get(registration)
      if (now?.lambdaArn !== lambdaArn) await reconcile(lambdaArn)
      return status
    },
    beginRevoke: ({ id, lambdaArn }) => revocations.begin(id, lambdaArn),
    async finishRevoke(begun, graceMs = 0, hasTime = () => true) {
      const used = new Map<string, boolean>()
      for (const { lambdaArn } of begun)
        if (!used.has(lambdaArn))
          used.set(lambdaArn, graceMs > 0 && (await registry.isUsed(lambdaArn)))
      if (graceMs > 0 && [...used.values()].includes(false)) await sleep(graceMs)
      const warnings = new Map<string, string[]>()
      for (const [lambdaArn, isUsed] of used) {
        if (!hasTime()) {
          warnings.set(lambdaArn, [notRevokedYet(lambdaArn)])
          continue
        }
        const { failure } = await reconcile(lambdaArn, isUsed)
        if (failure) warnings.set(lambdaArn, [failure.message])
        if (failure?.retryable) continue
        const ended = begun.filter(it => it.lambdaArn === lambdaArn)
        await eachOf(ended, AT_ONCE, it => revocations.end(it))
      }
      return warnings
    },
    async interrupted(ids) {
      const open = await revocations.open(ids)
      return new Set(open.map(it => it.registration).filter(it => ids.includes(it)))
    },
    async finishInterrupted(ids, hasTime = () => true) {
      try {
        const open = await revocations.open(ids)
        const interrupted = open.filter(it => ids.includes(it.registration) || isOver(it))
        for (const revocation of interrupted.slice(0, Math.max(MAX_FINISHED, ids.length))) {
          if (!hasTime()) break
          const { needed, failure } = await reconcile(revocation.lambdaArn)
          // When Lambda fails for this one, it would fail for the others too.
          if (failure?.retryable) break
          // A note of a permission that is needed may belong to a call that has yet to change the
          // registry.
          if (!needed || isOver(revocation)) await revocations.end(revocation)
        }
      } catch (error) {
        log.warn('registration: interrupted calls could not be finished', {
          error: describe(error),
        })
      }
    },
  }

  /** Makes the statement of a function follow the registry. `isUsed` says what is known. */
  async function reconcile(
    lambdaArn: string,
    isUsed = false,
  ): Promise<{ needed: boolean; failure?: RevokeFailure }> {
    let needed = isUsed || (await registry.isUsed(lambdaArn))
    let failure: RevokeFailure | undefined
    for (let round = 1; ; round++) {
      if (needed) await permissions.grant(lambdaArn, round > 1)
      else failure = await permissions.revoke(lambdaArn)
      const before = needed
      needed = await registry.isUsed(lambdaArn)
      if (needed === before || round === MAX_ROUNDS) break
    }
    if (needed || !failure) return { needed }
    log.warn('registration: an invoke permission could not be revoked', {
      lambdaArn,
      reason: failure.message,
    })
    return { needed, failure }
  }
}

/** The note stays, so that a later call revokes the permission. */
export const notRevokedYet = (lambdaArn: string) =>
  `The permission to invoke ${lambdaArn} is not revoked yet. Send the change again`

/** More concurrent calls for one function are not expected. The next call corrects what is left. */
const MAX_ROUNDS = 5

/**
 * How many interrupted calls a call for one registration finishes, so that its own response is not
 * late.
 */
const MAX_FINISHED = 10

/** Notes that are deleted at the same time. */
const AT_ONCE = 10

/** The call that stored the note has ended: its function is stopped after 120 seconds. */
const isOver = ({ at }: Revocation) => Date.now() - at > 240_000
