import {
  parseRegistrationId,
  type Registration,
  type RegistrationAnswer,
  type RegistrationInput,
  type RegistrationStatus,
  type Removal,
  type ResourceUpdate,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'
import { readJson } from '../http/json-body.ts'
import type { Registry } from '../registry/registry.ts'
import { applyChange } from './apply-change.ts'
import { createBatch } from './batch.ts'
import {
  alreadyExists,
  idMismatch,
  notRegistered,
  preconditionFailed,
  preconditionProblem,
} from './conflicts.ts'
import { contentChanges } from './content.ts'
import { isDryRun } from './dry-run.ts'
import { etag, preconditionOf } from './etag.ts'
import type { CheckFunction } from './function-check.ts'
import type { InvokePermissions } from './invoke-permission/permissions.ts'
import { createReconciler } from './invoke-permission/reconcile.ts'
import type { Revocations } from './invoke-permission/revocations.ts'
import { listPage } from './list.ts'
import { assertNotOwn } from './own-functions.ts'
import { idOf, type PlannedChange, planChange } from './planned-change.ts'
import { updatedUri } from './resource-update.ts'
import type { Target } from './router.ts'
import { storedWarnings } from './stored-warnings.ts'
import { MAX_BYTES, withWarnings } from './to-registration.ts'
import { parseInput, withoutServerFields } from './validate.ts'

export interface RegistrationOptions {
  registry: Registry
  permissions: InvokePermissions
  revocations: Revocations
  /** The ARNs of the functions of the stack, which cannot be registered. */
  ownFunctions: readonly string[]
  checkFunction: CheckFunction
}

/** The operations of the registration API, in the order of a registration's life. */
export function createOperations({
  registry,
  permissions,
  revocations,
  ownFunctions,
  checkFunction,
}: RegistrationOptions) {
  const reconciler = createReconciler(registry, permissions, revocations)
  const batch = createBatch({ registry, reconciler, checkFunction, parse })

  return { list, create, batch, get, put, remove, repair, announceUpdate }

  async function list({ url }: Request): Promise<Response> {
    return listPage(registry, new URL(url).searchParams)
  }

  async function create(request: Request, target: Target): Promise<Response> {
    const { value } = await readJson(request, MAX_BYTES)
    const input = parse(value)
    const id = idOf(input)
    const plan = await planChange(registry, { id, input, precondition: 'absent' }, target.caller)
    if (plan.from) throw alreadyExists(id)
    return applied(request, plan, target, () => alreadyExists(id))
  }

  async function get(_: Request, { id }: Target): Promise<Response> {
    const registration = await find(id)
    return toResponse(read(registration, await reconciler.status(registration)))
  }

  async function put(request: Request, target: Target): Promise<Response> {
    const { id, caller } = target
    const precondition = preconditionOf(request.headers)
    const { value } = await readJson(request, MAX_BYTES)
    const input = parse(withoutServerFields(value))
    if (idOf(input) !== id) throw idMismatch(id)
    const plan = await planChange(registry, { id, input, precondition }, caller)
    assertPrecondition(plan)
    return applied(request, plan, target)
  }

  /** Writes a registration and grants the invoke permission; or says what that would do. */
  async function applied(
    request: Request,
    plan: PlannedChange,
    target: Target,
    conflictOf?: () => GatewayError,
  ): Promise<Response> {
    const { id, kind, from, to } = plan
    if (!to) throw new Error(`${id} is not written by this operation`)
    if (isDryRun(request)) {
      const { status, grants } = await reconciler.check(to)
      const { found, unread } = await findings(to, status)
      const changes = from && kind === 'updated' ? contentChanges(from, to) : undefined
      const answer: RegistrationAnswer = {
        ...withWarnings(to, status, found),
        ...(unread && { configuration: unread }),
        change: kind,
        ...(changes && { changes }),
        ...(grants && { grants }),
        dryRun: true,
      }
      // A version that is not stored is no ETag.
      return kind === 'unchanged' ? toResponse(answer) : Response.json(answer)
    }
    const { status, warnings } = await applyChange({ registry, reconciler }, plan, target).catch(
      (error: unknown) => {
        throw (conflictOf && error instanceof GatewayError && conflictOf()) || error
      },
    )
    if (!status) throw new Error(`${id} has no status`)
    const { found, unread } = await findings(to, status)
    const answer: RegistrationAnswer = {
      ...withWarnings(to, status, [...warnings, ...found]),
      ...(unread && { configuration: unread }),
      change: kind,
    }
    return kind === 'created'
      ? toResponse(answer, 201, { location: `/register/${id}` })
      : toResponse(answer)
  }

  /** What the configuration of the function says, but for what the status says already. */
  async function findings(registration: Registration, { state }: RegistrationStatus) {
    if (state === 'function_not_found') return { found: [], unread: undefined }
    const { warnings: found, unread } = await checkFunction(registration)
    return { found, unread }
  }

  async function remove(request: Request, target: Target): Promise<Response> {
    const { id } = target
    const precondition = preconditionOf(request.headers)
    const plan = await planChange(registry, { id, precondition }, target.caller)
    const { from } = plan
    if (!from) {
      // It may have been deleted by a call that was interrupted after that.
      if (!isDryRun(request)) await reconciler.finishInterrupted([id])
      throw notRegistered(id)
    }
    assertPrecondition(plan)
    if (isDryRun(request))
      return toResponse({
        ...read(from, await reconciler.status(from)),
        change: plan.kind,
        dryRun: true,
      })
    const { warnings } = await applyChange({ registry, reconciler }, plan, target)
    return warnings.length > 0
      ? Response.json({ warnings } satisfies Removal)
      : new Response(null, { status: 204 })
  }

  async function repair(request: Request, { id }: Target): Promise<Response> {
    const dryRun = isDryRun(request)
    const registration = await (dryRun ? find(id) : findOrFinish(id))
    assertNotOwn(registration.lambdaArn, ownFunctions)
    if (dryRun) {
      const { status, grants } = await reconciler.check(registration)
      return toResponse({ ...read(registration, status), ...(grants && { grants }), dryRun: true })
    }
    // A person may have written the row, or changed its function.
    await registry.recordFunction(registration)
    const status = await reconciler.grant(registration)
    await reconciler.finishInterrupted([id])
    return toResponse(read(registration, status))
  }

  async function announceUpdate(request: Request, { id }: Target): Promise<Response> {
    const dryRun = isDryRun(request)
    const uri = await updatedUri(request, await find(id))
    if (!dryRun) await registry.announceUpdate(uri)
    const update: ResourceUpdate = { uri, ...(dryRun && { dryRun }) }
    return Response.json(update, { status: dryRun ? 200 : 202 })
  }

  function parse(value: unknown): RegistrationInput {
    const input = parseInput(value)
    assertNotOwn(input.lambdaArn, ownFunctions)
    return input
  }

  function read(registration: Registration, status: RegistrationStatus): RegistrationAnswer {
    const warnings = storedWarnings(registration, ownFunctions)
    return { ...registration, status, ...(warnings.length > 0 && { warnings }) }
  }

  /**
   * A registration that is not found may have been deleted by a call that was interrupted after
   * that.
   */
  async function findOrFinish(id: string): Promise<Registration> {
    try {
      return await find(id)
    } catch (error) {
      await reconciler.finishInterrupted([id])
      throw error
    }
  }

  async function find(id: string): Promise<Registration> {
    const key = parseRegistrationId(id)
    const registration = key && (await registry.get(key))
    if (registration) return registration
    throw notRegistered(id)
  }
}

function assertPrecondition({ id, from, precondition }: PlannedChange) {
  const problem = preconditionProblem(id, from, precondition)
  if (problem) throw preconditionFailed(problem)
}

function toResponse(
  registration: RegistrationAnswer,
  status = 200,
  headers: Record<string, string> = {},
): Response {
  return Response.json(registration, { status, headers: { etag: etag(registration), ...headers } })
}
