import type { SigningOptions } from '@markvp/mcp-lambda-sam-client/sigv4'

import type {
  Announcement,
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
  Tool,
  ToolInput,
} from './api-schema.ts'
import { actionUrl, collectionUrl, itemUrl } from './path.ts'
import { type Call, createSend } from './request.ts'

export interface AdminClientOptions extends SigningOptions {
  /** The RegistrationUrl of the stack, with or without `/register`. */
  url: string | URL
}

/**
 * The registration API. Every method rejects with an `AdminError`: switch on its `code`. What can
 * be repeated without harm is tried again when the server or the network fails; see the README for
 * what that means for `update` and `remove`.
 */
export interface AdminClient {
  /**
   * Fails with `already_exists` where there is one of this name: see `update`. Never tried again by
   * itself.
   */
  registerTool(tool: Omit<ToolInput, 'type'>): Promise<RegistrationAnswer<Tool>>
  registerResource(resource: Omit<ResourceInput, 'type'>): Promise<RegistrationAnswer<Resource>>
  registerPrompt(prompt: Omit<PromptInput, 'type'>): Promise<RegistrationAnswer<Prompt>>
  /**
   * Replaces the whole registration; what `get` gave can be edited and given back. With `ifMatch`,
   * the `version` that was read, it fails with `version_mismatch` when somebody else was quicker.
   */
  update(
    id: string,
    registration: RegistrationInput | Registration,
    options?: { ifMatch?: number },
  ): Promise<RegistrationAnswer>
  /**
   * Takes the gateway's right to invoke the function back, unless another registration needs it;
   * `warnings` say where that failed.
   */
  remove(id: string, options?: { ifMatch?: number }): Promise<Removal>
  /**
   * Grants once more what a registration needs, finishes what calls that broke off have left half
   * done, and says how the registration is. Its `version` stays.
   */
  repair(id: string): Promise<RegistrationAnswer>
  /**
   * Says that what is read at a resource's URI has changed, to the clients that subscribed to it.
   * Of a resource with a `uriTemplate`, `uri` says which; of any other it may be left out. When
   * this resolves, the announcement is kept; clients hear of it within about a second.
   */
  announceUpdate(id: string, options?: { uri?: string }): Promise<Announcement>
  get(id: string): Promise<RegistrationAnswer>
  /**
   * All of them, or all of one type, sorted by type and name, without their status; further pages
   * are fetched on the way.
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

  // The server's answer is trusted to be what the contract says; an error is checked to be one.
  async function request<Answer>(call: Call): Promise<Answer> {
    return (await send(call)) as Answer
  }
}

const ifMatch = ({ ifMatch }: { ifMatch?: number } = {}): Record<string, string> =>
  ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }
