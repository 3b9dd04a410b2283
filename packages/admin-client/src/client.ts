import type { SigningOptions } from '@markvp/mcp-lambda-sam-client/sigv4'

import type {
  BatchChange,
  BatchResponse,
  BatchResult,
  Prompt,
  PromptInput,
  Registration,
  RegistrationAnswer,
  RegistrationInput,
  RegistrationPage,
  RegistrationType,
  Removal,
  Resource,
  ResourceInput,
  ResourceUpdate,
  Tool,
  ToolInput,
} from './api-schema.ts'
import { registrationId } from './id.ts'
import type { Manifest } from './manifest/manifest.ts'
import { actionUrl, batchUrl, collectionUrl, itemUrl } from './path.ts'
import type { Applied, ApplyOptions, Plan, PlanOptions } from './plan/plan.ts'
import { type Call, createSend } from './request.ts'

export interface AdminClientOptions extends SigningOptions {
  /** The RegistrationUrl output of the stack, with or without `/register`. */
  url: string | URL
}

/** A tool as `registerTool` takes it. */
export type ToolSpec = Omit<ToolInput, 'type'>
export type ResourceSpec = Omit<ResourceInput, 'type'>
export type PromptSpec = Omit<PromptInput, 'type'>

export interface WriteOptions {
  /** Replaces only this version; otherwise rejects with `version_mismatch`. */
  ifMatch?: number
  /** Runs every check, rights included, and resolves with what would change. Default: false */
  dryRun?: boolean
}

export interface RegisterOptions extends WriteOptions {
  /** Only creates; rejects with `version_mismatch` where the name is taken. Default: false */
  createOnly?: boolean
}

/**
 * The registration API. Every method rejects with an `AdminError`: compare its `code`. A call that
 * does no harm when it runs twice is repeated after failures of the server and of the network. The
 * README says what this means for `update` and `remove`.
 */
export interface AdminClient {
  /**
   * Creates or replaces the tool. Content that is stored already makes no new version; its invoke
   * permission is checked and repaired. The `change` of the result says what was done.
   */
  registerTool(tool: ToolSpec, options?: RegisterOptions): Promise<RegistrationAnswer<Tool>>
  registerResource(
    resource: ResourceSpec,
    options?: RegisterOptions,
  ): Promise<RegistrationAnswer<Resource>>
  registerPrompt(prompt: PromptSpec, options?: RegisterOptions): Promise<RegistrationAnswer<Prompt>>
  /**
   * The same for any type, by id. Takes what `get` returns, with changes. With `ifMatch`, the
   * `version` that was read, it rejects with `version_mismatch` where somebody else has changed the
   * registration since.
   */
  update(
    id: string,
    registration: RegistrationInput | Registration,
    options?: RegisterOptions,
  ): Promise<RegistrationAnswer>
  /**
   * Compares a manifest with what is registered: nothing is changed. Every check runs on the
   * server, rights included. Rejects with `invalid_manifest`, `invalid_registration` or
   * `owner_conflict`.
   */
  plan(manifest: Manifest, options?: PlanOptions): Promise<Plan>
  /** `plan`, then the `apply` of the plan. */
  apply(manifest: Manifest, options?: PlanOptions & ApplyOptions): Promise<Applied>
  /**
   * Removes the registration, and the invoke permission of the gateway unless another registration
   * needs it. `warnings` name what could not be removed.
   */
  remove(id: string, options?: WriteOptions): Promise<Removal>
  /**
   * Grants the invoke permission of a registration again, completes calls that were interrupted,
   * and resolves with the status. The `version` stays.
   */
  repair(id: string, options?: { dryRun?: boolean }): Promise<RegistrationAnswer>
  /**
   * Tells the clients that subscribed to a resource that its content has changed. `uri` says which
   * one for a resource with a `uriTemplate`; for any other it is optional. When this resolves, the
   * resource update is stored; clients get it within about a second.
   */
  announceUpdate(id: string, options?: { uri?: string }): Promise<ResourceUpdate>
  get(id: string): Promise<RegistrationAnswer>
  /**
   * All registrations, or all of one type, sorted by type and name, without their status. Pages are
   * fetched as the iteration needs them.
   */
  list<Type extends RegistrationType = RegistrationType>(options?: {
    type?: Type
  }): AsyncIterable<OfType<Type>>
}

type OfType<Type extends RegistrationType> = Extract<Registration, { type: Type }>

export function createAdminClient({ url, ...signing }: AdminClientOptions): AdminClient {
  const collection = collectionUrl(url)
  const send = createSend(signing)

  const client: AdminClient = {
    registerTool: (tool, options) => put({ ...tool, type: 'tool' }, options),
    registerResource: (resource, options) => put({ ...resource, type: 'resource' }, options),
    registerPrompt: (prompt, options) => put({ ...prompt, type: 'prompt' }, options),
    async update(id, registration, options) {
      return write('PUT', itemUrl(collection, id), options, registration)
    },
    async remove(id, options) {
      const left = await write<Removal | undefined>('DELETE', itemUrl(collection, id), options)
      return { warnings: left?.warnings ?? [] }
    },
    async repair(id, { dryRun = false } = {}) {
      const url = dry(actionUrl(collection, id, 'repair'), dryRun)
      return request({ method: 'POST', url })
    },
    async announceUpdate(id, { uri } = {}) {
      const url = actionUrl(collection, id, 'updated')
      return request({ method: 'POST', url, body: { uri } })
    },
    async get(id) {
      return request({ method: 'GET', url: itemUrl(collection, id) })
    },
    list,
    async plan(manifest, options) {
      // Loads the schemas, which the other methods do not need.
      const { createPlan } = await import('./plan/plan.ts')
      return createPlan(manifest, { ...options, list, batch })
    },
    async apply(manifest, options) {
      return (await client.plan(manifest, options)).apply(options)
    },
  }
  return client

  async function put<Type extends Registration>(
    registration: RegistrationInput,
    options?: RegisterOptions,
  ): Promise<RegistrationAnswer<Type>> {
    const { type, name } = registration
    return write('PUT', itemUrl(collection, registrationId(type, name)), options, registration)
  }

  async function write<Result>(
    method: 'PUT' | 'DELETE',
    url: URL,
    { ifMatch, createOnly = false, dryRun = false }: RegisterOptions = {},
    body?: unknown,
  ): Promise<Result> {
    const headers = {
      ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
      ...(createOnly && { 'if-none-match': '*' }),
    }
    return request({ method, url: dry(url, dryRun), headers, ...(body !== undefined && { body }) })
  }

  async function batch(changes: BatchChange[], dryRun: boolean): Promise<BatchResult[]> {
    const url = dry(batchUrl(collection), dryRun)
    const call: Call = { method: 'POST', url, body: { changes } }
    return (await request<BatchResponse>(call)).results
  }

  async function* list<Type extends RegistrationType>({
    type,
  }: {
    type?: Type
  } = {}): AsyncGenerator<OfType<Type>> {
    const url = new URL(collection)
    if (type) url.searchParams.set('type', type)
    let cursor: string | undefined
    do {
      if (cursor) url.searchParams.set('cursor', cursor)
      const page = await request<RegistrationPage>({ method: 'GET', url })
      yield* page.items as OfType<Type>[]
      cursor = page.nextCursor
    } while (cursor)
  }

  // The API is trusted to respond as api-schema.ts says. Only its error bodies are checked.
  async function request<Result>(call: Call): Promise<Result> {
    return (await send(call)) as Result
  }
}

function dry(url: URL, dryRun: boolean): URL {
  if (dryRun) url.searchParams.set('dryRun', 'true')
  return url
}
