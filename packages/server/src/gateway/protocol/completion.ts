import type { Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { ProtocolError, ProtocolErrorCode, type Server } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { mayUse } from './access.ts'
import type { Capability } from './capability.ts'
import { promptOf } from './prompts.ts'
import { unknownName } from './request-errors.ts'

const NO_VALUES = { completion: { values: [], total: 0, hasMore: false } }

/** `completion/complete`, for the arguments of prompts and resource templates. */
export function serveCompletion(
  server: Server,
  { registry, connection: { caller }, calls, records }: Capability,
): void {
  server.setRequestHandler('completion/complete', async ({ params }, ctx) => {
    const { ref } = params
    const found =
      ref.type === 'ref/prompt'
        ? await promptOf(registry, caller, ref.name)
        : await templateOf(registry, caller, ref.uri)
    records.found(found, params.argument, ctx)
    // A function with the calling contract `arguments` cannot complete.
    if (found.contract !== 'mcp') return NO_VALUES
    const request = { method: 'completion/complete' as const, params }
    return calls.callMcp(found, request, ctx).catch(error => {
      // The gateway declares the capability for all functions, also for those without completion.
      const isUnsupported =
        error instanceof ProtocolError && error.code === ProtocolErrorCode.MethodNotFound
      if (isUnsupported) return NO_VALUES
      throw error
    })
  })
}

/** The resource of this URI template, or of this URI. */
async function templateOf(
  registry: CachedRegistry,
  caller: Caller,
  uri: string,
): Promise<Resource> {
  for (const resource of (await registry.list('resource')).values())
    if ((resource.uriTemplate === uri || resource.uri === uri) && mayUse(resource, caller))
      return resource
  throw unknownName('resource template', uri)
}
