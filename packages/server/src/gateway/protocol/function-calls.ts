import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { Server, ServerContext } from '@modelcontextprotocol/server'

import type { McpEvent, Results } from '../../invoker/contracts/mcp.ts'
import {
  callContext,
  type Invocation,
  type Invoke,
  type InvokeStream,
  type Outcome,
} from '../../invoker/invoker.ts'
import { toTraceparent } from '../../invoker/traceparent.ts'
import { JsonRpcError } from '../../jsonrpc-error.ts'
import type { Variables } from '../../uri-template/match.ts'
import { outcomeUnknown } from '../wire/outcome-unknown.ts'
import type { ClientConnection } from './connection.ts'
import { argumentsEvent, exactParams, mcpEvent } from './exact-arguments.ts'
import { callMcpFunction } from './mcp-function.ts'
import { roundsInProcess, roundsOverRequests } from './request-state.ts'

/** Calls the functions behind registrations, for one client. */
export interface FunctionCalls {
  /** Calls a function with the calling contract `arguments`. */
  callWithArguments(
    registration: Registration,
    event: unknown,
    ctx: ServerContext,
  ): Promise<Outcome>
  /** Calls a function with the calling contract `mcp`. */
  callMcp<Method extends keyof Results>(
    registration: Registration,
    request: { method: Method; params: Record<string, unknown>; variables?: Variables },
    ctx: ServerContext,
  ): Promise<Results[Method]>
}

/** A function that still runs at the deadline of the connection is an error: outcome unknown. */
export function createFunctionCalls(
  server: Server,
  connection: ClientConnection,
  { invoke, invokeStream }: { invoke: Invoke; invokeStream: InvokeStream },
): FunctionCalls {
  const { caller } = connection
  const isStateless = connection.transport === 'stateless'
  const sessionId = isStateless ? undefined : connection.sessionId
  const signer = isStateless ? connection.requestStateSigner : undefined
  const drained = isStateless ? connection.drained : undefined
  const deadline = connection.transport === 'sse' ? undefined : connection.deadline
  const inProcess = roundsInProcess(new WeakSet())

  return {
    callWithArguments: (registration, event, ctx) =>
      inTime(ctx, signal => {
        const text =
          registration.type === 'tool' ? argumentsEvent(event, ctx) : JSON.stringify(event)
        return invoke(registration, text, invocation(ctx), signal)
      }),

    callMcp(registration, { method, params, variables }, ctx) {
      const clientCapabilities = server.getClientCapabilities()
      const invoked = invocation(ctx)
      const context = {
        ...callContext(registration, invoked),
        clientCapabilities,
        variables,
      }
      const rounds = signer
        ? roundsOverRequests(registration, exactParams(params, ctx), signer)
        : inProcess
      return inTime(ctx, signal => {
        const send = (event: McpEvent) =>
          invokeStream(registration, mcpEvent(event, ctx, isStateless), invoked, signal)
        return callMcpFunction(send, { method, params, context }, ctx, rounds, drained)
      })
    },
  }

  async function inTime<T>(
    { mcpReq }: ServerContext,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (!deadline) return run(mcpReq.signal)
    try {
      return await run(AbortSignal.any([mcpReq.signal, deadline]))
    } catch (error) {
      if (!deadline.aborted) throw error
      const { code, message, data } = outcomeUnknown('The time of the environment was over')
      throw new JsonRpcError(code, message, data)
    }
  }

  function invocation({ mcpReq: { _meta } }: ServerContext): Invocation {
    const { name, version } = server.getClientVersion() ?? {}
    return {
      caller,
      sessionId,
      clientInfo: name && version ? { name, version } : undefined,
      traceparent: toTraceparent(_meta?.['traceparent']),
    }
  }
}
