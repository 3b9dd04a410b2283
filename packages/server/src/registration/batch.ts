import type {
  BatchResponse,
  BatchResult,
  Issue,
  RegistrationInput,
  RegistrationStatus,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe, GatewayError } from '../http/errors.ts'
import { readJson } from '../http/json-body.ts'
import { log } from '../http/log.ts'
import { isRecord } from '../is-record.ts'
import type { Registry } from '../registry/registry.ts'
import { audit } from './audit.ts'
import { preconditionProblem } from './conflicts.ts'
import { contentChanges } from './content.ts'
import { isDryRun } from './dry-run.ts'
import type { Precondition } from './etag.ts'
import type { CheckFunction } from './function-check.ts'
import { eachOf } from './invoke-permission/each-of.ts'
import { GRACE_MS, notRevokedYet, type Reconciler } from './invoke-permission/reconcile.ts'
import type { Revocation } from './invoke-permission/revocations.ts'
import {
  type Change,
  idOf,
  leftFunction,
  madeByOther,
  type PlannedChange,
  planChange,
  writeChange,
} from './planned-change.ts'
import type { Target } from './router.ts'
import { withWarnings } from './to-registration.ts'
import { withoutServerFields } from './validate.ts'

interface BatchOptions {
  registry: Registry
  reconciler: Reconciler
  checkFunction: CheckFunction
  /** Checks a registration. Throws a `GatewayError`. */
  parse(value: unknown): RegistrationInput
}

/** The limit of a request to a Function URL is 6 MB. */
const MAX_BATCH_BYTES = 5_000_000
const MAX_BATCH_CHANGES = 100

/** Requests to the table, and calls of the Lambda API, at the same time. */
const TABLE_AT_ONCE = 10
const LAMBDA_AT_ONCE = 3
/** A write takes some milliseconds, and a grant may be throttled. */
const TIME_TO_WRITE_MS = 30_000
const TIME_TO_GRANT_MS = 15_000
const TIME_TO_REVOKE_MS = 8_000

/**
 * `POST /register:batch`. All changes are checked before the first one is written. Then each one is
 * written or refused by itself: another writer may have been there since the check. Sending a batch
 * again does no harm: what is done already is `unchanged`.
 */
export function createBatch({ registry, reconciler, checkFunction, parse }: BatchOptions) {
  return async (request: Request, target: Target): Promise<Response> => {
    const dryRun = isDryRun(request)
    const { value } = await readJson(request, MAX_BATCH_BYTES)
    const changes = parseBatch(value)
    const plans = await eachOf(changes, TABLE_AT_ONCE, it =>
      planChange(registry, it, target.caller),
    )
    assertPreconditions(plans)
    const results = await (dryRun ? wouldDo(plans, target) : apply(plans, target))
    return Response.json({ results, ...(dryRun && { dryRun }) } satisfies BatchResponse)
  }

  function parseBatch(value: unknown): Change[] {
    const list = isRecord(value) ? value['changes'] : undefined
    if (!Array.isArray(list) || list.length === 0)
      throw new GatewayError(
        'bad_request',
        'The body has no changes: send {"changes": [{"put": {…}}, {"delete": "<id>"}]}',
      )
    if (list.length > MAX_BATCH_CHANGES)
      throw new GatewayError(
        'payload_too_large',
        `The batch has ${list.length} changes; at most ${MAX_BATCH_CHANGES} are accepted`,
      )
    const issues: Issue[] = []
    const seen = new Set<string>()
    const changes = list.flatMap((item, index) => {
      try {
        const change = toChange(item)
        if (seen.has(change.id)) throw malformed(`changes "${change.id}" a second time`)
        seen.add(change.id)
        return [change]
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        const own = error.issues ?? [{ path: '', message: error.message }]
        const place = `/changes/${index}`
        const inside = error.code === 'invalid_registration' ? '/put' : ''
        issues.push(...own.map(it => ({ ...it, path: `${place}${inside}${it.path}` })))
        return []
      }
    })
    if (issues.length > 0) throw invalidBatch(issues)
    return changes
  }

  function toChange(item: unknown): Change {
    const { put, delete: id, ifMatch, ifNoneMatch, ...others } = isRecord(item) ? item : {}
    const [unknown] = Object.keys(others)
    if (unknown !== undefined) throw malformed(`has the unknown field "${unknown}"`)
    if ((put === undefined) === (id === undefined))
      throw malformed('needs exactly one of "put" (a registration) and "delete" (an id)')
    const precondition = preconditionIn(ifMatch, ifNoneMatch)
    if (put !== undefined) {
      const input = parse(withoutServerFields(put))
      return { id: idOf(input), input, precondition }
    }
    if (typeof id !== 'string' || ifNoneMatch !== undefined)
      throw malformed('deletes something that is not an id, or has "ifNoneMatch"')
    return { id, precondition }
  }

  /** What each change would do, and whether the gateway could invoke the function. */
  async function wouldDo(plans: PlannedChange[], { remaining }: Target): Promise<BatchResult[]> {
    const checks = new Map<string, ReturnType<Reconciler['check']>>()
    const interrupted = await reconciler.interrupted(plans.map(it => it.id))
    const hasTime = () => remaining() > TIME_TO_GRANT_MS
    return eachOf(plans, LAMBDA_AT_ONCE, async ({ id, kind, from, to }) => {
      if (!to) return { id, change: kind, ...(from && { version: from.version }) }
      const checking = checks.get(to.lambdaArn) ?? (hasTime() ? reconciler.check(to) : NO_TIME)
      checks.set(to.lambdaArn, checking)
      const { grants, ...checked } = await checking
      const { warnings: found } =
        !hasTime() || kind === 'unchanged' || checked.status.state === 'function_not_found'
          ? { warnings: [] }
          : await checkFunction(to)
      const { status, warnings } = withWarnings(to, checked.status, found)
      return {
        id,
        change: kind,
        ...(from && { version: from.version }),
        status,
        ...(warnings && { warnings }),
        ...(grants && { grants }),
        ...(kind === 'unchanged' && interrupted.has(id) && { revokes: true }),
        ...(from && kind === 'updated' && { changes: contentChanges(from, to) }),
      }
    })
  }

  async function apply(plans: PlannedChange[], target: Target): Promise<BatchResult[]> {
    const written = await eachOf(plans, TABLE_AT_ONCE, plan => write(plan, target))
    const statuses = await grant(written, target)
    const revokes = written.flatMap(({ revoke }) => revoke ?? [])
    const isMoved = written.some(({ plan, revoke }) => revoke && plan.to)
    const hasTime = () => target.remaining() > TIME_TO_REVOKE_MS
    const warnings = await reconciler
      .finishRevoke(revokes, isMoved ? GRACE_MS : 0, hasTime)
      .catch(error => notRevoked(revokes, error, target))
    const ids = plans.map(it => it.id)
    await reconciler.finishInterrupted(ids, hasTime)
    return written.map(({ plan, failure, revoke }) => {
      const { id, kind, to } = plan
      const revoking = revoke && warnings.get(revoke.lambdaArn)
      if (failure) {
        const { code, message } = failure
        return { id, change: 'failed', error: { code, message } }
      }
      if (!to) return { id, change: kind, ...(revoking && { warnings: revoking }) }
      const status = statuses.get(to.lambdaArn) ?? UNKNOWN
      const answer = withWarnings(to, status, revoking)
      return {
        id,
        change: kind,
        version: to.version,
        status,
        ...(answer.warnings && { warnings: answer.warnings }),
      }
    })
  }

  async function write(plan: PlannedChange, target: Target): Promise<Written> {
    const { id, kind, from, to } = plan
    if (kind === 'unchanged') return { plan }
    if (target.remaining() < TIME_TO_WRITE_MS) return { plan, failure: outOfTime(id) }
    const left = leftFunction(plan)
    let revoke: Revocation | undefined
    try {
      revoke = left && (await reconciler.beginRevoke(left))
      await writeChange(registry, plan)
    } catch (error) {
      const failure = toFailure(error, id, target)
      const isRaced = failure.code === 'conflict' || failure.code === 'version_mismatch'
      const done = isRaced && (await madeByOther(registry, plan).catch(() => undefined))
      if (done) return { plan: done, ...(revoke && { revoke }) }
      return { plan, failure, ...(revoke && { revoke }) }
    }
    audit({ ...(from && { from }), ...(to && { to }) }, target)
    return { plan, ...(revoke && { revoke }) }
  }

  /** Grants each function once. Gives the status of each one by its ARN. */
  async function grant(written: Written[], { remaining, requestId }: Target) {
    const distinct = new Map(
      written.flatMap(({ plan, failure }) =>
        plan.to && !failure ? [[plan.to.lambdaArn, plan.to] as const] : [],
      ),
    )
    const granted = await eachOf([...distinct], LAMBDA_AT_ONCE, async ([arn, registration]) => {
      if (remaining() < TIME_TO_GRANT_MS) return [arn, UNKNOWN] as const
      try {
        return [arn, await reconciler.grant(registration)] as const
      } catch (error) {
        logFailure('an invoke permission was not checked', error, requestId, arn)
        return [arn, NOT_CHECKED] as const
      }
    })
    return new Map(granted)
  }
}

interface Written {
  plan: PlannedChange
  failure?: GatewayError
  revoke?: Revocation
}

const unknown = (message: string): RegistrationStatus => ({ state: 'unknown', message, fix: [] })

const OUT_OF_TIME = 'The time of this call was over before the permission was checked'
const UNKNOWN = unknown(`${OUT_OF_TIME}. Repair the registration`)
const NOT_CHECKED = unknown(
  'The permission was not checked, because the registry failed. Repair the registration',
)
/** Of a dry run. */
const NO_TIME = Promise.resolve({ status: unknown(`${OUT_OF_TIME}. Try again`), grants: false })

/** One change that fails in the gateway takes no other result with it. */
function toFailure(error: unknown, id: string, { requestId }: Target): GatewayError {
  if (error instanceof GatewayError) return error
  logFailure('a change of a batch failed', error, requestId, id)
  return new GatewayError(
    'internal_error',
    `"${id}" failed in the gateway; the log has the reason under the requestId ${requestId}. Send it again`,
  )
}

function notRevoked(revokes: readonly Revocation[], error: unknown, { requestId }: Target) {
  logFailure('invoke permissions were not revoked', error, requestId)
  return new Map(revokes.map(({ lambdaArn }) => [lambdaArn, [notRevokedYet(lambdaArn)]]))
}

function logFailure(message: string, error: unknown, requestId: string, of?: string) {
  log.error(message, { requestId, ...(of !== undefined && { of }), error: describe(error) })
}

const outOfTime = (id: string) =>
  new GatewayError(
    'service_unavailable',
    `"${id}" was not changed, because the time of the call was over: send it again`,
  )

const malformed = (message: string) =>
  new GatewayError('bad_request', message, { issues: [{ path: '', message }] })

function preconditionIn(ifMatch: unknown, ifNoneMatch: unknown): Precondition {
  if (ifMatch !== undefined && ifNoneMatch !== undefined)
    throw malformed('has both "ifMatch" and "ifNoneMatch"')
  if (ifNoneMatch === '*') return 'absent'
  if (ifMatch === '*') return 'present'
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  if (Number.isSafeInteger(ifMatch)) return Number(ifMatch)
  throw malformed('needs a version or "*" as "ifMatch", and "*" as "ifNoneMatch"')
}

/** What is done already needs no precondition: an earlier attempt may have done it. */
function assertPreconditions(plans: PlannedChange[]) {
  const issues = plans.flatMap(({ id, kind, from, precondition }, index) => {
    const message = kind !== 'unchanged' && preconditionProblem(id, from, precondition)
    return message ? [{ path: `/changes/${index}`, message }] : []
  })
  const [first, ...others] = issues
  if (!first) return
  const more = others.length > 0 ? `, and ${others.length} more` : ''
  throw new GatewayError('version_mismatch', `${first.message}${more}. Nothing was changed`, {
    issues: issues.slice(0, MAX_ISSUES),
  })
}

const MAX_ISSUES = 100

function invalidBatch(all: Issue[]): GatewayError {
  const [first] = all
  const more = all.length > 1 ? `, and ${all.length - 1} more` : ''
  return new GatewayError(
    'invalid_registration',
    `The batch is not valid: ${first?.path} ${first?.message}${more}. Nothing was changed`,
    { issues: all.slice(0, MAX_ISSUES) },
  )
}
