import {
  type Announcement,
  parseRegistrationId,
  type Registration,
  type RegistrationAnswer,
  registrationId,
} from '@markvp/mcp-lambda-sam-admin-client/contract'

import { readJson } from '../body.ts'
import type { Caller } from '../caller.ts'
import { GatewayError } from '../errors.ts'
import type { Service } from '../lambda/handler.ts'
import type { Registry } from '../registry/registry.ts'
import { parseInput, withoutStored } from './input.ts'
import { listPage } from './page.ts'
import type { Permissions } from './permissions.ts'
import { etag, ifMatch } from './precondition.ts'
import { assertFits, MAX_BYTES, toStored, warningsOf } from './stored.ts'
import { updatedUri } from './updated.ts'

export interface RegistrationOptions {
  registry: Registry
  permissions: Permissions
}

/** The registration API as one function: docs/openapi.yaml. */
export function createRegistration({ registry, permissions }: RegistrationOptions): Service {
  const collection: Operations = {
    GET: ({ url }) => listPage(registry, new URL(url).searchParams),
    POST: create,
  }
  const item: Operations = {
    GET: async (_, { id }) => answer(await find(id)),
    PUT: replace,
    DELETE: remove,
  }
  const updated: Operations = { POST: announce }

  return async (request, { caller }) => {
    const { id, below } = placeOf(new URL(request.url).pathname)
    const operations = id === undefined ? collection : below ? updated : item
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
    await permissions.grant(registration)
    return answer(withWarnings(registration), 201, { location: `/register/${registration.id}` })
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
    if (!(await registry.replace(registration, version))) throw overtaken(current, expected)
    await permissions.grant(registration)
    if (current.lambdaArn !== registration.lambdaArn) await permissions.revoke(current)
    return answer(withWarnings(registration))
  }

  async function remove(request: Request, { id }: Target): Promise<Response> {
    const expected = ifMatch(request.headers)
    const current = await find(id)
    assertVersion(current, expected)
    if (!(await registry.remove(current, current.version))) throw overtaken(current, expected)
    await permissions.revoke(current)
    return new Response(null, { status: 204 })
  }

  async function announce(request: Request, { id }: Target): Promise<Response> {
    const uri = await updatedUri(request, await find(id))
    await registry.announce(uri)
    return Response.json({ uri } satisfies Announcement, { status: 202 })
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
 * What is in `/register/{id}/updated`: no id for `/register`, nothing below for `/register/{id}`. Repeated slashes
 * count as one: people paste a URL that ends in a slash in front of the path. A Function URL leaves the path
 * percent-encoded.
 */
function placeOf(pathname: string): { id: string | undefined; below: string | undefined } {
  const [first, id, below, ...rest] = pathname.split('/').filter(Boolean)
  if (first !== 'register' || (below ?? 'updated') !== 'updated' || rest.length > 0)
    throw new GatewayError(
      'not_found',
      `There is no ${pathname} here: the endpoints are /register, /register/{id} and /register/{id}/updated`,
    )
  try {
    return { id: id && decodeURIComponent(id), below }
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

function withWarnings(registration: Registration): RegistrationAnswer {
  const warnings = warningsOf(registration)
  return warnings.length > 0 ? { ...registration, warnings } : registration
}

function assertVersion(current: Registration, expected: number | undefined) {
  if (expected !== undefined && expected !== current.version)
    throw versionMismatch(current, expected)
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
