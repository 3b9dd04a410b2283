import {
  parseRegistrationId,
  type Registration,
  type RegistrationAnswer,
  type RegistrationInput,
  type RegistrationStatus,
  type Removal,
  type ResourceUpdate,
  registrationId,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'
import { readJson } from '../http/json-body.ts'
import type { Registry } from '../registry/registry.ts'
import { audit } from './audit.ts'
import { alreadyExists, conflict, idMismatch, versionMismatch } from './conflicts.ts'
import { etag, ifMatch } from './etag.ts'
import type { InvokePermissions } from './invoke-permission/permissions.ts'
import { createReconciler } from './invoke-permission/reconcile.ts'
import type { Revocations } from './invoke-permission/revocations.ts'
import { listPage } from './list.ts'
import { assertNotOwn } from './own-functions.ts'
import { updatedUri } from './resource-update.ts'
import type { Target } from './router.ts'
import { storedWarnings } from './stored-warnings.ts'
import { assertFits, MAX_BYTES, toRegistration, warningsOf } from './to-registration.ts'
import { parseInput, withoutServerFields } from './validate.ts'

export interface RegistrationOptions {
  registry: Registry
  permissions: InvokePermissions
  revocations: Revocations
  /** The ARNs of the functions of the stack, which cannot be registered. */
  ownFunctions: readonly string[]
}

/**
 * Environments of the gateway read the registry once a second. Until then they invoke the function
 * that a registration had before, so its permission is kept for longer than that.
 */
const GRACE_MS = 2_000

/** The operations of the registration API, in the order of a registration's life. */
export function createOperations({
  registry,
  permissions,
  revocations,
  ownFunctions,
}: RegistrationOptions) {
  const reconciler = createReconciler(registry, permissions, revocations)

  return { list, create, get, replace, remove, repair, announceUpdate }

  async function list({ url }: Request): Promise<Response> {
    return listPage(registry, new URL(url).searchParams)
  }

  async function create(request: Request, target: Target): Promise<Response> {
    const { value } = await readJson(request, MAX_BYTES)
    const input = parse(value)
    const now = new Date().toISOString()
    const registration = toRegistration(input, {
      version: 1,
      createdAt: now,
      updatedAt: now,
      createdBy: target.caller.arn,
      updatedBy: target.caller.arn,
    })
    assertFits(registration)
    if (!(await registry.create(registration))) throw alreadyExists(registration)
    audit({ to: registration }, target)
    const status = await reconciler.grant(registration)
    await reconciler.finishInterrupted(registration.id)
    const location = `/register/${registration.id}`
    return toResponse(withWarnings(registration, status), 201, { location })
  }

  async function get(_: Request, { id }: Target): Promise<Response> {
    const registration = await find(id)
    return toResponse(read(registration, await reconciler.status(registration)))
  }

  async function replace(request: Request, target: Target): Promise<Response> {
    const { id, caller } = target
    const expected = ifMatch(request.headers)
    const { value } = await readJson(request, MAX_BYTES)
    const input = parse(withoutServerFields(value))
    if (registrationId(input.type, input.name) !== id) throw idMismatch(id)
    const current = await find(id)
    assertVersion(current, expected)
    const { version, createdAt, createdBy } = current
    const registration = toRegistration(input, {
      version: version + 1,
      createdAt,
      updatedAt: new Date().toISOString(),
      createdBy,
      updatedBy: caller.arn,
    })
    assertFits(registration)
    const isMoved = current.lambdaArn !== registration.lambdaArn
    const revoke = isMoved ? await reconciler.beginRevoke(current) : undefined
    if (!(await registry.replace(registration, version))) {
      await revoke?.finish()
      throw conflict(current, expected)
    }
    audit({ from: current, to: registration }, target)
    const status = await reconciler.grant(registration)
    const warnings = await revoke?.finish(GRACE_MS)
    await reconciler.finishInterrupted(id)
    return toResponse(withWarnings(registration, status, warnings))
  }

  async function remove(request: Request, target: Target): Promise<Response> {
    const { id } = target
    const expected = ifMatch(request.headers)
    const current = await findOrFinish(id)
    assertVersion(current, expected)
    const revoke = await reconciler.beginRevoke(current)
    const isRemoved = await registry.remove(current, current.version)
    if (isRemoved) audit({ from: current }, target)
    const warnings = await revoke.finish()
    if (!isRemoved) throw conflict(current, expected)
    await reconciler.finishInterrupted(id)
    return warnings.length > 0
      ? Response.json({ warnings } satisfies Removal)
      : new Response(null, { status: 204 })
  }

  async function repair(_: Request, { id }: Target): Promise<Response> {
    const registration = await findOrFinish(id)
    assertNotOwn(registration.lambdaArn, ownFunctions)
    // A person may have written the row, or changed its function.
    await registry.recordFunction(registration)
    const status = await reconciler.grant(registration)
    await reconciler.finishInterrupted(id)
    return toResponse(read(registration, status))
  }

  async function announceUpdate(request: Request, { id }: Target): Promise<Response> {
    const uri = await updatedUri(request, await find(id))
    await registry.announceUpdate(uri)
    return Response.json({ uri } satisfies ResourceUpdate, { status: 202 })
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
      await reconciler.finishInterrupted(id)
      throw error
    }
  }

  async function find(id: string): Promise<Registration> {
    const key = parseRegistrationId(id)
    const registration = key && (await registry.get(key))
    if (registration) return registration
    throw new GatewayError(
      'registration_not_found',
      `"${id}" is not registered: an id is <type>-<name>, and GET /register lists all registrations`,
    )
  }
}

function assertVersion(current: Registration, expected: number | undefined) {
  if (expected !== undefined && expected !== current.version)
    throw versionMismatch(current, expected)
}

function toResponse(
  registration: RegistrationAnswer,
  status = 200,
  headers: Record<string, string> = {},
): Response {
  return Response.json(registration, { status, headers: { etag: etag(registration), ...headers } })
}

function withWarnings(
  registration: Registration,
  status: RegistrationStatus,
  more: string[] = [],
): RegistrationAnswer {
  const warnings = [...warningsOf(registration), ...more]
  return { ...registration, status, ...(warnings.length > 0 && { warnings }) }
}
