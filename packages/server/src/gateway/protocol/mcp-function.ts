import type { ServerContext } from '@modelcontextprotocol/server'

import { type McpEvent, type Results, resultOf } from '../../invoker/contracts/mcp.ts'
import type { RequestState } from './request-state.ts'

/**
 * Calls a function with the calling contract `mcp`: sends the client's request to the function, and
 * the function's notifications to the client as they come.
 *
 * A function that needs input from the user returns an `input_required` result. It runs again with
 * the user's input: in another request of the client, or, for protocol versions without such
 * results, in this request, after the SDK has asked the client.
 */
export async function callMcpFunction<Method extends keyof Results>(
  send: (event: McpEvent) => AsyncIterable<Uint8Array>,
  request: McpEvent & { method: Method },
  ctx: ServerContext,
  state: RequestState,
  afterNotification: () => Promise<void> = async () => {},
): Promise<Results[Method]> {
  const { mcpReq } = ctx
  const requestState = state.read(ctx)
  const params = { ...request.params, inputResponses: mcpReq.inputResponses, requestState }
  const progressToken = mcpReq._meta?.progressToken

  const result = await resultOf(request.method, send({ ...request, params }), {
    async progress(params) {
      if (progressToken === undefined) return
      const method = 'notifications/progress'
      await mcpReq.notify({ method, params: { ...params, progressToken } })
      await afterNotification()
    },
    async log({ level, data, logger }) {
      await mcpReq.log(level, data, logger)
      await afterNotification()
    },
  })
  return state.sign(result, ctx)
}
