import { ProtocolError, ProtocolErrorCode, type Server } from '@modelcontextprotocol/server'

import { visible } from './access.ts'
import type { Capability } from './capability.ts'
import { unknownName } from './function-calls.ts'

const NO_VALUES = { completion: { values: [], total: 0, hasMore: false } }

/** `completion/complete`, for the arguments of prompts and resource templates. */
export function serveCompletion(
  server: Server,
  { registry, connection: { caller }, calls }: Capability,
): void {
  server.setRequestHandler('completion/complete', async ({ params }, ctx) => {
    const { ref } = params
    const snapshot = await registry.snapshot()
    const found =
      ref.type === 'ref/prompt'
        ? visible(snapshot, 'prompt', caller).find(it => it.name === ref.name)
        : visible(snapshot, 'resource', caller).find(
            it => it.uriTemplate === ref.uri || it.uri === ref.uri,
          )
    if (!found)
      throw ref.type === 'ref/prompt'
        ? unknownName('prompt', ref.name)
        : unknownName('resource template', ref.uri)
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
