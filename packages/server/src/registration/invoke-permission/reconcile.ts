import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Registration,
  RegistrationStatus,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../../http/errors.ts'
import type { Registry } from '../../registry/registry.ts'
import type { InvokePermissions, Leftover } from './permissions.ts'
import type { Revocation, Revocations } from './revocations.ts'

/** Keeps what the gateway may invoke equal to what is registered. */
export interface Grants {
  status(registration: Registration): Promise<RegistrationStatus>
  /** Called when the registration stands in the table. */
  grant(registration: Registration): Promise<RegistrationStatus>
  /** Called before the table stops saying that the registration has this function; see `Leaving`. */
  leave(registration: Registration): Promise<Leaving>
  /**
   * Finishes what calls that broke off have left half done: at this registration, and at any other where it is
   * certain that they did. Where that fails, it is left to the next call.
   */
  finish(id: string): Promise<void>
}

interface Leaving {
  /**
   * Called when the table was written, or not written after all. Takes the right back unless a registration needs
   * it, at the earliest after `graceMs`, and gives what was left.
   */
  done(graceMs?: number): Promise<string[]>
}

/**
 * The table and the policies of functions cannot be changed as one. What is granted follows what is registered:
 *
 *     POST     row  ─►  statement                           died between: the status says so, and repair grants
 *     DELETE   note ─►  row gone  ─►  statement  ─►  note   died anywhere: the note is there for the next call
 *     PUT      note ─►  row  ─►  new statement  ─►  old statement  ─►  note
 *
 * Of the statement that all registrations of a function share, two calls may think differently at the same time:
 *
 *     DELETE a    row gone · none has it            · takes it away · looks again: b has it, gives it back
 *     POST b                             row · there: ready
 *
 * So whoever changed a statement looks at the table again afterwards and changes its mind with it. The last to
 * change anything then saw the table as it stays: a row that came later belongs to a call that looks later.
 */
export function createGrants(
  registry: Registry,
  permissions: InvokePermissions,
  revocations: Revocations,
): Grants {
  return {
    status: ({ lambdaArn }) => permissions.status(lambdaArn),
    async grant(registration) {
      const { lambdaArn } = registration
      const status = await permissions.grant(lambdaArn)
      // Whoever deletes it meanwhile may have taken the statement away before we put it there.
      const now = await registry.get(registration)
      if (now?.lambdaArn !== lambdaArn) await settle(lambdaArn)
      return status
    },
    async leave({ id, lambdaArn }) {
      const revocation = await revocations.begin(id, lambdaArn)
      return {
        async done(graceMs = 0) {
          if (graceMs > 0 && !(await isRegistered(lambdaArn))) await sleep(graceMs)
          const { leftover } = await settle(lambdaArn)
          if (!leftover?.passing) await revocations.end(revocation)
          return leftover ? [leftover.message] : []
        },
      }
    },
    async finish(id) {
      try {
        const open = await revocations.open()
        const broken = open.filter(it => it.registration === id || isOver(it))
        for (const revocation of broken.slice(0, AT_ONCE)) {
          const { needed, leftover } = await settle(revocation.lambdaArn)
          // Where Lambda cannot be reached, it would not be for the others either.
          if (leftover?.passing) break
          // Needed still, it may be of a call that has not come to its table yet.
          if (!needed || isOver(revocation)) await revocations.end(revocation)
        }
      } catch (error) {
        warn('what was left half done stays so', error)
      }
    },
  }

  /** Makes the statement follow the table. */
  async function settle(lambdaArn: string): Promise<{ needed: boolean; leftover?: Leftover }> {
    let needed = await isRegistered(lambdaArn)
    let leftover: Leftover | undefined
    for (let round = 1; ; round++) {
      if (needed) await permissions.grant(lambdaArn, round > 1)
      else leftover = await permissions.revoke(lambdaArn)
      const before = needed
      needed = await isRegistered(lambdaArn)
      if (needed === before || round === ROUNDS) break
    }
    if (needed || !leftover) return { needed }
    warn(leftover.message)
    return { needed, leftover }
  }

  /** Reads consistently, and with one row all there are. */
  async function isRegistered(lambdaArn: string): Promise<boolean> {
    for await (const registration of registry.list())
      if (registration.lambdaArn === lambdaArn) return true
    return false
  }
}

/** More calls than that do not meet at one function; the last word is then the next call's. */
const ROUNDS = 5

/** A call that finishes others' work answers in time all the same. */
const AT_ONCE = 10

/** The call that began it has ended one way or the other: its function is cut off after 30 seconds. */
const isOver = ({ at }: Revocation) => Date.now() - at > 60_000

function warn(message: string, error?: unknown) {
  console.warn(JSON.stringify({ message, ...(error !== undefined && { error: describe(error) }) }))
}
