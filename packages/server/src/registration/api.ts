import {
  type Announcement,
  parseRegistrationId,
  type Registration,
  type RegistrationAnswer,
  type RegistrationStatus,
  type Removal,
  registrationId,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { Caller } from '../http/caller.ts'
import { GatewayError } from '../http/errors.ts'
import { readJson } from '../http/json-body.ts'
import type { Service } from '../http/service.ts'
import type { Registry } from '../registry/registry.ts'
import { updatedUri } from './announce.ts'
import { etag, ifMatch } from './etag.ts'
import type { InvokePermissions } from './invoke-permission/permissions.ts'
import { createGrants } from './invoke-permission/reconcile.ts'
import type { Revocations } from './invoke-permission/revocations.ts'
import { listPage } from './list.ts'
import { assertFits, MAX_BYTES, toStored, warningsOf } from './to-registration.ts'
import { parseInput, withoutStored } from './validate.ts'

export interface RegistrationOptions {
  registry: Registry
  permissions: InvokePermissions
  revocations: Revocations
}

/**
 * The environments of the gateway look at the table once a second: until then they invoke the function that a
 * registration had before.
 */
const GRACE_MS = 2_000

/** The registration API as one function: docs/openapi.yaml. */
export function createRegistration({
  registry,
  permissions,
  revocations,
}: RegistrationOptions): Service {
  const grants = createGrants(registry, permissions, revocations)
  const collection: Operations = {
    GET: ({ url }) => listPage(registry, new URL(url).searchParams),
    POST: create,
  }
  const item: Operations = {
    GET: async (_, { id }) => {
      const registration = await find(id)
      return answer({ ...registration, status: await grants.status(registration) })
    },
    PUT: replace,
    DELETE: remove,
  }
  const below: Record<string, Operations> = {
    repair: { POST: repair },
    updated: { POST: announce },
  }

  return async (request, { caller }) => {
    const { pathname } = new URL(request.url)
    const { id, action } = placeOf(pathname)
    const named = action === undefined ? item : Object.hasOwn(below, action) && below[action]
    const operations = id === undefined ? collection : named
    if (!operations) throw notFound(pathname)
    const operation = Object.hasOwn(operations, request.method) && operations[request.method]
    if (!operation) throw methodNotAllowed(request, Object.keys(operations))
    return operation(request, { id: id ?? '', caller })
  }

  async function create(request: Request, { caller }: Target): Promise<Response> {
    const { value } = await readJson(request, MAX_BYTES)
    const input = parseInput(value)
    const now = new Date().toISOString()
    const registration = toStored(input, {
      version: 1,
      createdAt: now,
      updatedAt: now,
      createdBy: caller.arn,
    })
    assertFits(registration)
    if (!(await registry.create(registration))) throw alreadyExists(registration)
    const status = await grants.grant(registration)
    await grants.finish(registration.id)
    const location = `/register/${registration.id}`
    return answer(written(registration, status), 201, { location })
  }

  async function replace(request: Request, { id }: Target): Promise<Response> {
    const expected = ifMatch(request.headers)
    const { value } = await readJson(request, MAX_BYTES)
    const input = parseInput(withoutStored(value))
    if (registrationId(input.type, input.name) !== id) throw renamed(id)
    const current = await find(id)
    assertVersion(current, expected)
    const { version, createdAt, createdBy } = current
    const registration = toStored(input, {
      version: version + 1,
      createdAt,
      updatedAt: new Date().toISOString(),
      createdBy,
    })
    assertFits(registration)
    const leaving =
      current.lambdaArn === registration.lambdaArn ? undefined : await grants.leave(current)
    if (!(await registry.replace(registration, version))) {
      await leaving?.done()
      throw overtaken(current, expected)
    }
    const status = await grants.grant(registration)
    const left = await leaving?.done(GRACE_MS)
    await grants.finish(id)
    return answer(written(registration, status, left))
  }

  async function remove(request: Request, { id }: Target): Promise<Response> {
    const expected = ifMatch(request.headers)
    const current = await findOrFinish(id)
    assertVersion(current, expected)
    const leaving = await grants.leave(current)
    const removed = await registry.remove(current, current.version)
    const warnings = await leaving.done()
    if (!removed) throw overtaken(current, expected)
    await grants.finish(id)
    return warnings.length > 0
      ? Response.json({ warnings } satisfies Removal)
      : new Response(null, { status: 204 })
  }

  async function repair(_: Request, { id }: Target): Promise<Response> {
    const registration = await findOrFinish(id)
    const status = await grants.grant(registration)
    await grants.finish(id)
    return answer({ ...registration, status })
  }

  async function announce(request: Request, { id }: Target): Promise<Response> {
    const uri = await updatedUri(request, await find(id))
    await registry.announceUpdate(uri)
    return Response.json({ uri } satisfies Announcement, { status: 202 })
  }

  /** What is not there may be what a call deleted that then broke off. */
  async function findOrFinish(id: string): Promise<Registration> {
    try {
      return await find(id)
    } catch (error) {
      await grants.finish(id)
      throw error
    }
  }

  async function find(id: string): Promise<Registration> {
    const key = parseRegistrationId(id)
    const registration = key && (await registry.get(key))
    if (registration) return registration
    throw new GatewayError(
      'registration_not_found',
      `Nothing is registered as "${id}": an id is <type>-<name>, and GET /register lists all`,
    )
  }
}

interface Target {
  /** The id in the path; empty where it has none. */
  id: string
  caller: Caller
}

type Operations = Record<string, (request: Request, target: Target) => Promise<Response>>

/**
 * What is in `/register/{id}/updated`: no id for `/register`, no action for `/register/{id}`. Repeated slashes
 * count as one: people paste a URL that ends in a slash in front of the path. A Function URL leaves the path
 * percent-encoded.
 */
function placeOf(pathname: string): { id: string | undefined; action: string | undefined } {
  const [first, id, action, ...rest] = pathname.split('/').filter(Boolean)
  if (first !== 'register' || rest.length > 0) throw notFound(pathname)
  try {
    return { id: id && decodeURIComponent(id), action }
  } catch (error) {
    throw new GatewayError('bad_request', `The path ${pathname} is not percent-encoded UTF-8`, {
      cause: error,
    })
  }
}

function answer(
  registration: RegistrationAnswer,
  status = 200,
  headers: Record<string, string> = {},
): Response {
  return Response.json(registration, { status, headers: { etag: etag(registration), ...headers } })
}

function written(
  registration: Registration,
  status: RegistrationStatus,
  left: string[] = [],
): RegistrationAnswer {
  const warnings = [...warningsOf(registration), ...left]
  return { ...registration, status, ...(warnings.length > 0 && { warnings }) }
}

function assertVersion(current: Registration, expected: number | undefined) {
  if (expected !== undefined && expected !== current.version)
    throw versionMismatch(current, expected)
}

function notFound(pathname: string) {
  return new GatewayError(
    'not_found',
    `There is no ${pathname} here: the endpoints are /register, /register/{id}, /register/{id}/repair and /register/{id}/updated`,
  )
}

function methodNotAllowed({ method, url }: Request, methods: string[]) {
  return new GatewayError(
    'method_not_allowed',
    `${method} is not for ${new URL(url).pathname}: use ${methods.join(', ')}`,
    { headers: { allow: methods.join(', ') } },
  )
}

function alreadyExists({ id }: Registration) {
  return new GatewayError(
    'already_exists',
    `"${id}" is registered already: replace it with PUT /register/${id} (update of the admin client)`,
  )
}

function renamed(id: string) {
  return new GatewayError(
    'invalid_registration',
    `The body is not about "${id}": type and name make the id and cannot change; register the new one, then delete the old`,
    { issues: [{ path: '/name', message: `does not belong to the id "${id}" in the path` }] },
  )
}

function versionMismatch({ id, version }: Registration, expected: number) {
  return new GatewayError(
    'version_mismatch',
    `"${id}" is at version ${version}, not at ${expected}: get it, apply your change to that and try again`,
  )
}

/** Another writer came between the read and the write. */
function overtaken({ id }: Registration, expected: number | undefined) {
  return expected === undefined
    ? new GatewayError(
        'conflict',
        `"${id}" was changed by somebody else at the same time: try again if you mean to overwrite that`,
      )
    : new GatewayError(
        'version_mismatch',
        `"${id}" is not at version ${expected} any more: get it, apply your change to that and try again`,
      )
}
