import type { ServerContext } from '@modelcontextprotocol/server'

import { type McpEvent, type Results, resultOf } from '../../invoker/contracts/mcp.ts'
import type { LeftStates } from './request-state.ts'

/**
 * Passes a client's request on to a function with the contract `mcp`, and what the function says before its
 * answer to the client, as it says it. Where the function asks the user for something, that is its answer: it
 * runs again, with what the user said, in another request of the client or, for clients of revisions that have no
 * such answers, called by the SDK once it has asked them.
 */
export async function converse<Method extends keyof Results>(
  send: (event: McpEvent) => AsyncIterable<Uint8Array>,
  request: McpEvent & { method: Method },
  ctx: ServerContext,
  left: LeftStates,
  taken: () => Promise<void> = async () => {},
): Promise<Results[Method]> {
  const { mcpReq } = ctx
  const requestState = left.open(ctx)
  const params = { ...request.params, inputResponses: mcpReq.inputResponses, requestState }
  const progressToken = mcpReq._meta?.progressToken

  const result = await resultOf(request.method, send({ ...request, params }), {
    async progress(params) {
      if (progressToken === undefined) return
      const method = 'notifications/progress'
      await mcpReq.notify({ method, params: { ...params, progressToken } })
      await taken()
    },
    async log({ level, data, logger }) {
      await mcpReq.log(level, data, logger)
      await taken()
    },
  })
  return left.seal(result, ctx)
}
