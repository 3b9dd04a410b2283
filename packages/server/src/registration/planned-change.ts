import {
  parseRegistrationId,
  type Registration,
  type RegistrationInput,
  registrationId,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Caller } from '../http/caller.ts'
import type { Registry } from '../registry/registry.ts'
import { conflict } from './conflicts.ts'
import { hasSameContent } from './content.ts'
import type { Precondition } from './etag.ts'
import { assertFits, toRegistration } from './to-registration.ts'

/** A write that a caller asks for. The input is checked. */
export type Change =
  | { id: string; input: RegistrationInput; precondition: Precondition }
  | { id: string; input?: undefined; precondition: Precondition }

/** What a write would do. Nothing is written yet. */
export interface PlannedChange {
  id: string
  /** `unchanged`: the content is there already, or what is to be deleted is not. */
  kind: 'created' | 'updated' | 'deleted' | 'unchanged'
  precondition: Precondition
  /** What is stored. */
  from: Registration | undefined
  /** What is stored afterwards. */
  to: Registration | undefined
}

/** Reads what is stored, and says what the change would do. Does not look at the precondition. */
export async function planChange(
  registry: Registry,
  { id, input, precondition }: Change,
  caller: Pick<Caller, 'arn'> & { creator?: string },
): Promise<PlannedChange> {
  const key = parseRegistrationId(id)
  const from = key && (await registry.get(key))
  const plan = { id, precondition, from }
  if (!input) return { ...plan, kind: from ? 'deleted' : 'unchanged', to: undefined }
  const now = new Date().toISOString()
  const to = toRegistration(input, {
    version: (from?.version ?? 0) + 1,
    createdAt: from?.createdAt ?? now,
    updatedAt: now,
    createdBy: from?.createdBy ?? caller.creator ?? caller.arn,
    updatedBy: caller.arn,
  })
  assertFits(to)
  if (from && hasSameContent(from, to))
    // The schema as it was sent: clientWarnings knows the one that stands for no parameters.
    return {
      ...plan,
      kind: 'unchanged',
      to: to.type === 'tool' ? ({ ...from, inputSchema: to.inputSchema } as Registration) : from,
    }
  return { ...plan, kind: from ? 'updated' : 'created', to }
}

/**
 * Writes to the registry alone. Throws `conflict` or `version_mismatch` where another writer won.
 */
export async function writeChange(registry: Registry, plan: PlannedChange): Promise<void> {
  const { id, kind, from, to, precondition } = plan
  if (kind === 'unchanged') return
  const isWritten = to
    ? from
      ? await registry.replace(to, from.version)
      : await registry.create(to)
    : from !== undefined && (await registry.remove(from, from.version))
  if (!isWritten) throw conflict(id, precondition)
}

/**
 * The plan of a change that another request was quicker with, where that one has made the same
 * change: it may be an earlier attempt, whose response is lost.
 */
export async function madeByOther(
  registry: Registry,
  plan: PlannedChange,
): Promise<PlannedChange | undefined> {
  const { id, to } = plan
  const key = parseRegistrationId(id)
  const from = key && (await registry.get(key))
  if (!to) return from ? undefined : { ...plan, kind: 'unchanged', from }
  if (!from || !hasSameContent(from, to)) return undefined
  return { ...plan, kind: 'unchanged', from, to: { ...to, version: from.version } }
}

/** The registration whose function the gateway may no longer invoke, if no other one needs it. */
export const leftFunction = ({ from, to }: PlannedChange): Registration | undefined =>
  from && from.lambdaArn !== to?.lambdaArn ? from : undefined

export const idOf = ({ type, name }: RegistrationInput): string => registrationId(type, name)
