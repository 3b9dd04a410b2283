import type {
  BatchChange,
  BatchResult,
  ContentChange,
  NotReady,
  Registration,
  RegistrationInput,
} from '../api-schema.ts'
import { AdminError, errorWith, isAdminError } from '../errors.ts'
import { registrationId } from '../id.ts'
import { parseManifest } from '../manifest/load.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { toRegistrations } from '../manifest/registrations.ts'
import type { VariableSources } from '../manifest/variables.ts'
import { batchesOf } from './batches.ts'
import { planText } from './text.ts'

export interface PlanOptions {
  /**
   * The label of the registrations of the manifest. Default: the `owner` of the manifest. Needed to
   * prune.
   */
  owner?: string
  /** Deletes what has this owner and is not in the manifest. Default: false */
  prune?: boolean
  /** Refuses a plan that deletes more, with `too_many_deletes`. Default: 10 */
  maxDeletes?: number
  /** Changes registrations that carry the label of another owner. Default: false */
  takeOver?: boolean
  /**
   * Where the values of `${…}` in the manifest come from. Default: the environment alone; an output
   * or an export of CloudFormation has no value then.
   */
  variables?: VariableSources
  /** Is called after each request. */
  onProgress?: (progress: Progress) => void
}

export interface Progress {
  step: 'check' | 'apply'
  done: number
  total: number
}

interface Update {
  id: string
  changes: ContentChange[]
}

/** What `apply` would do. Nothing is changed yet. */
export interface Plan {
  owner: string | undefined
  create: string[]
  update: Update[]
  delete: string[]
  /**
   * Registrations whose content stays. Their invoke permission is missing and would be added, or an
   * interrupted call has left one that would be removed.
   */
  repair: string[]
  unchanged: string[]
  /** The functions that the gateway could not invoke afterwards, by the id of a registration. */
  notReady: { id: string; status: NotReady }[]
  /** What some clients do not support. */
  warnings: { id: string; message: string }[]
  hasChanges: boolean
  /** The plan as text for people, or as Markdown for a comment on a pull request. */
  toText(format?: 'text' | 'markdown'): string
  /**
   * Makes the changes. Rejects with `version_mismatch` where another writer has changed one of
   * these registrations since. Batches that were sent before that stay. Planning and applying again
   * completes the work.
   */
  apply(options?: ApplyOptions): Promise<Applied>
}

export interface ApplyOptions {
  onProgress?: (progress: Progress) => void
}

/** What was done. */
export interface Applied {
  created: string[]
  updated: string[]
  deleted: string[]
  /** Registrations whose content stayed, and whose invoke permission is right now. */
  repaired: string[]
  unchanged: string[]
  /** The functions that the gateway cannot invoke yet, by the id of a registration. */
  notReady: { id: string; status: NotReady }[]
  /** What the plan could not know: an invoke permission that was not removed. */
  warnings: { id: string; message: string }[]
}

interface Api {
  list(): AsyncIterable<Registration>
  batch(changes: BatchChange[], dryRun: boolean): Promise<BatchResult[]>
}

export async function createPlan(
  manifest: Manifest,
  { variables = ENVIRONMENT_ONLY, onProgress, ...options }: PlanOptions & Api,
): Promise<Plan> {
  const { prune = false, maxDeletes = 10, takeOver = false, list, batch } = options
  const named = options.owner === undefined ? manifest : { ...manifest, owner: options.owner }
  const loaded = await toRegistrations(parseManifest(named), variables)
  const { owner, registrations } = loaded
  if (prune && owner === undefined)
    throw new AdminError('invalid_manifest', 'Pruning needs an owner', {
      hint: 'Set "owner" in the manifest, or give "--owner NAME".',
    })

  const stored = new Map<string, Registration>()
  for await (const it of list()) stored.set(it.id, it)
  const wanted = new Map(registrations.map(it => [idOf(it), it]))
  if (!takeOver) assertNotForeign(wanted, stored, owner)

  const surplus = prune
    ? [...stored.values()].filter(it => it.owner === owner && !wanted.has(it.id))
    : []
  if (surplus.length > maxDeletes)
    throw new AdminError(
      'too_many_deletes',
      `The plan would delete ${surplus.length} registrations of "${owner}"; at most ${maxDeletes} are allowed: ${listed(surplus.map(it => it.id))}`,
    )

  const changes: BatchChange[] = [
    ...[...wanted].map(([id, put]): BatchChange => {
      const version = stored.get(id)?.version
      return version === undefined ? { put, ifNoneMatch: '*' } : { put, ifMatch: version }
    }),
    ...surplus.map(({ id, version }) => ({ delete: id, ifMatch: version })),
  ]
  const checked = await send(changes, 'check', onProgress)
  return toPlan(checked)

  async function send(
    all: BatchChange[],
    step: Progress['step'],
    onProgress?: (progress: Progress) => void,
    earlier: readonly Sent[] = [],
  ): Promise<Sent[]> {
    const sent: Sent[] = []
    onProgress?.({ step, done: 0, total: all.length })
    for (const part of batchesOf(all)) {
      const results = await batch(part, step === 'check').catch(error => {
        const named = inManifest(error, part)
        throw step === 'apply' ? withProgress(named, [...earlier, ...sent]) : named
      })
      sent.push(...part.map((change, at) => ({ change, result: results[at] as BatchResult })))
      onProgress?.({ step, done: sent.length, total: all.length })
    }
    return sent
  }

  function toPlan(checked: Sent[]): Plan {
    const of = (kind: BatchResult['change']) => checked.filter(it => it.result.change === kind)
    const ids = (kind: BatchResult['change']) => of(kind).map(it => it.result.id)
    const plan: Plan = {
      owner,
      create: ids('created'),
      update: of('updated').map(({ result: { id, changes = [] } }) => ({ id, changes })),
      delete: ids('deleted'),
      repair: of('unchanged')
        .filter(isRepair)
        .map(it => it.result.id),
      unchanged: of('unchanged')
        .filter(it => !isRepair(it))
        .map(it => it.result.id),
      notReady: checked.flatMap(({ result }) => notReady(result)),
      warnings: checked.flatMap(({ result }) => warnings(result)),
      get hasChanges() {
        return checked.some(isChange)
      },
      toText: format => planText(plan, format),
      apply,
    }
    return plan

    async function apply({ onProgress }: ApplyOptions = {}): Promise<Applied> {
      const kept = checked.filter(it => !isChange(it))
      const changed = checked.filter(isChange).map(it => it.change)
      const sent = await send(changed, 'apply', onProgress)
      const open = sent.filter(isOpen).map(it => it.change)
      const repeated = open.length > 0 ? await send(open, 'apply', onProgress, sent) : []
      return toApplied(withRepeated(sent, repeated), kept, plan)
    }
  }
}

const isRepair = ({ result }: Sent) =>
  result.change === 'unchanged' && (result.grants === true || result.revokes === true)
const isChange = (it: Sent) => it.result.change !== 'unchanged' || isRepair(it)
/**
 * The time of the function was over before this change or before its permission was checked, or the
 * gateway failed. Another attempt may succeed.
 */
const isOpen = ({ result: { error, status } }: Sent) =>
  error?.code === 'service_unavailable' ||
  error?.code === 'internal_error' ||
  status?.state === 'unknown'

interface Sent {
  change: BatchChange
  result: BatchResult
}

/** With the results of the second attempt. What the first has done is `unchanged` in the second. */
function withRepeated(sent: Sent[], repeated: Sent[]): Sent[] {
  const second = new Map(repeated.map(it => [it.result.id, it.result]))
  return sent.map(({ change, result: first }) => {
    const last = second.get(first.id) ?? first
    const isDone = first.change !== 'failed' && last.change === 'unchanged'
    return { change, result: isDone ? { ...last, change: first.change } : last }
  })
}

function toApplied(sent: Sent[], kept: Sent[], plan: Plan): Applied {
  const failed = sent.filter(it => it.result.change === 'failed')
  const [first] = failed
  if (first?.result.error) {
    const { code, message } = first.result.error
    const more = failed.length > 1 ? `, and ${failed.length - 1} more` : ''
    throw new AdminError(code === 'session_not_found' ? 'conflict' : code, `${message}${more}`, {
      hint: AGAIN,
      issues: failed.map(({ result: { id, error } }) => ({
        path: `/${id}`,
        message: error?.message ?? '',
      })),
    })
  }
  const ids = (kind: BatchResult['change'], all = sent) =>
    all.filter(it => it.result.change === kind).map(it => it.result.id)
  const isRepaired = ({ result: { id, change, status } }: Sent) =>
    change === 'unchanged' && plan.repair.includes(id) && status?.state === 'ready'
  return {
    created: ids('created'),
    updated: ids('updated'),
    deleted: ids('deleted'),
    repaired: sent.filter(isRepaired).map(it => it.result.id),
    unchanged: ids('unchanged', [...kept, ...sent.filter(it => !isRepaired(it))]),
    notReady: [...sent, ...kept].flatMap(({ result }) => notReady(result)),
    warnings: sent
      .flatMap(({ result }) => warnings(result))
      .filter(({ id, message }) =>
        plan.warnings.every(it => it.id !== id || it.message !== message),
      ),
  }
}

const notReady = ({ id, status }: BatchResult) =>
  status && status.state !== 'ready' ? [{ id, status }] : []

const warnings = ({ id, warnings = [] }: BatchResult) => warnings.map(message => ({ id, message }))

const AGAIN = 'Run plan and apply again: what is done already is left alone.'

/** How far an apply came, and what to do then beside the fix of the error. */
function withProgress(error: unknown, sent: Sent[]): unknown {
  const done = new Set(
    sent.filter(it => it.result.change !== 'failed').map(({ result: { id } }) => id),
  ).size
  if (!isAdminError(error) || done === 0) return error
  const isRaced = error.code === 'version_mismatch' || error.code === 'conflict'
  return errorWith(error, {
    message: `${error.message}. ${done} registrations were applied before`,
    hint: isRaced ? AGAIN : `${error.hint} ${AGAIN}`,
  })
}

/** Names the entries of the manifest, where the API names the changes of a batch. */
function inManifest(error: unknown, part: readonly BatchChange[]): unknown {
  if (!isAdminError(error)) return error
  const named = (text: string) =>
    text.replace(PLACE, (place, at) => {
      const change = part[Number(at)]
      if (!change) return place
      return 'put' in change ? `/${change.put.type}s/${change.put.name}` : `/${change.delete}`
    })
  return errorWith(error, {
    message: named(error.message),
    issues: error.issues.map(({ path, message }) => ({ path: named(path), message })),
  })
}

/** The JSON Pointer of a change in the body of a batch. */
const PLACE = /(?<!\S)\/changes\/(\d+)(?:\/put)?(?![^\s/])/g

/** What has no owner may be taken. */
function assertNotForeign(
  wanted: ReadonlyMap<string, RegistrationInput>,
  stored: ReadonlyMap<string, Registration>,
  owner: string | undefined,
) {
  const foreign = [...wanted.keys()].flatMap(id => {
    const other = stored.get(id)?.owner
    return other !== undefined && other !== owner ? [`${id} (owner "${other}")`] : []
  })
  if (foreign.length > 0)
    throw new AdminError(
      'owner_conflict',
      `The manifest ${owner === undefined ? 'has no owner' : `has the owner "${owner}"`}, and these registrations belong to others: ${listed(foreign)}`,
    )
}

function listed(items: string[]): string {
  const more = items.length > 20 ? ` and ${items.length - 20} more` : ''
  return `${items.slice(0, 20).join(', ')}${more}`
}

const idOf = ({ type, name }: RegistrationInput) => registrationId(type, name)

const noStacks = async () => ({})
const ENVIRONMENT_ONLY: VariableSources = {
  environment: process.env,
  stackOutputs: noStacks,
  exports: noStacks,
}
