import type { ServerContext } from '@modelcontextprotocol/server'

import { type McpEvent, type Results, resultOf } from '../../invoker/contracts/mcp.ts'
import type { InputRounds } from './request-state.ts'

interface McpFunctionOptions {
  rounds: InputRounds
  /** The function failed, or broke the contract. */
  failed(): void
  /** Awaited after each notification. */
  afterNotification?: (() => Promise<void>) | undefined
}

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
  { rounds, failed, afterNotification = async () => {} }: McpFunctionOptions,
): Promise<Results[Method]> {
  const { mcpReq } = ctx
  const params = { ...request.params, ...(await rounds.read(ctx)) }
  const progressToken = mcpReq._meta?.progressToken

  const result = await resultOf(request.method, send({ ...request, params }), {
    failed,
    async progress(params) {
      if (progressToken === undefined || !increases(ctx, params.progress)) return
      const method = 'notifications/progress'
      await mcpReq.notify({ method, params: { ...params, progressToken } })
      await afterNotification()
    },
    async log({ level, data, logger }) {
      await mcpReq.log(level, data, logger)
      await afterNotification()
    },
  })
  return rounds.sign(result, ctx)
}

/** The last progress of each request. All rounds of a request share its signal. */
const lastProgress = new WeakMap<AbortSignal, number>()

/** MCP forbids progress that does not increase, so it is not sent. */
function increases({ mcpReq: { signal } }: ServerContext, progress: number): boolean {
  const last = lastProgress.get(signal)
  if (last !== undefined && progress <= last) return false
  lastProgress.set(signal, progress)
  return true
}
