import type { SigningOptions } from '@markvp/mcp-lambda-sam-client/sigv4'

import type {
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
import { actionUrl, collectionUrl, itemUrl } from './path.ts'
import { type Call, createSend } from './request.ts'

export interface AdminClientOptions extends SigningOptions {
  /** The RegistrationUrl output of the stack, with or without `/register`. */
  url: string | URL
}

/**
 * The registration API. Every method rejects with an `AdminError`: compare its `code`. A call that
 * does no harm when it runs twice is repeated after failures of the server and of the network. The
 * README says what this means for `update` and `remove`.
 */
export interface AdminClient {
  /** Rejects with `already_exists` where the name is taken: see `update`. Is never repeated. */
  registerTool(tool: Omit<ToolInput, 'type'>): Promise<RegistrationAnswer<Tool>>
  registerResource(resource: Omit<ResourceInput, 'type'>): Promise<RegistrationAnswer<Resource>>
  registerPrompt(prompt: Omit<PromptInput, 'type'>): Promise<RegistrationAnswer<Prompt>>
  /**
   * Replaces the whole registration, or creates it. Takes what `get` returns, with changes. With
   * `ifMatch`, the `version` that was read, it rejects with `version_mismatch` where somebody else
   * has changed the registration since.
   */
  update(
    id: string,
    registration: RegistrationInput | Registration,
    options?: { ifMatch?: number },
  ): Promise<RegistrationAnswer>
  /**
   * Removes the registration, and the invoke permission of the gateway unless another registration
   * needs it. `warnings` name what could not be removed.
   */
  remove(id: string, options?: { ifMatch?: number }): Promise<Removal>
  /**
   * Grants the invoke permission of a registration again, completes calls that were interrupted,
   * and resolves with the status. The `version` stays.
   */
  repair(id: string): Promise<RegistrationAnswer>
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

  return {
    registerTool: tool =>
      request({ method: 'POST', url: collection, body: { ...tool, type: 'tool' } }),
    registerResource: resource =>
      request({ method: 'POST', url: collection, body: { ...resource, type: 'resource' } }),
    registerPrompt: prompt =>
      request({ method: 'POST', url: collection, body: { ...prompt, type: 'prompt' } }),
    async update(id, registration, options) {
      const url = itemUrl(collection, id)
      return request({ method: 'PUT', url, body: registration, headers: ifMatch(options) })
    },
    async remove(id, options) {
      const url = itemUrl(collection, id)
      const left = await request<Removal | undefined>({
        method: 'DELETE',
        url,
        headers: ifMatch(options),
      })
      return left ?? { warnings: [] }
    },
    async repair(id) {
      const url = actionUrl(collection, id, 'repair')
      return request({ method: 'POST', url, repeatable: true })
    },
    async announceUpdate(id, { uri } = {}) {
      const url = actionUrl(collection, id, 'updated')
      return request({ method: 'POST', url, body: { uri }, repeatable: true })
    },
    async get(id) {
      return request({ method: 'GET', url: itemUrl(collection, id) })
    },
    list,
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

const ifMatch = ({ ifMatch }: { ifMatch?: number } = {}): Record<string, string> =>
  ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }
