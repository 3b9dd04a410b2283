import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { Server, ServerContext } from '@modelcontextprotocol/server'

import { toTraceparent } from '../../http/trace.ts'
import type { McpEvent, Results } from '../../invoker/contracts/mcp.ts'
import {
  callContext,
  type Invocation,
  type Invoke,
  type InvokeStream,
  type Outcome,
} from '../../invoker/invoker.ts'
import { JsonRpcError } from '../../jsonrpc-error.ts'
import type { Variables } from '../../uri-template/match.ts'
import { busy, outcomeUnknown } from '../wire/outcome-unknown.ts'
import type { CallRecords } from './call-records.ts'
import { createCallSlots } from './call-slots.ts'
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

interface FunctionCallsOptions {
  invoke: Invoke
  invokeStream: InvokeStream
  records: CallRecords
  /** Calls that one request of `/mcp`, which may be a batch, runs at once. `/sse` has a queue. */
  maxCallsInFlight: number
}

/** A function that still runs at the deadline of the connection is an error: outcome unknown. */
export function createFunctionCalls(
  server: Server,
  connection: ClientConnection,
  { invoke, invokeStream, records, maxCallsInFlight }: FunctionCallsOptions,
): FunctionCalls {
  const { caller, arrival } = connection
  const isStateless = connection.transport === 'stateless'
  const sessionId = isStateless ? undefined : connection.sessionId
  const signer = isStateless ? connection.requestStateSigner : undefined
  const drained = isStateless ? connection.drained : undefined
  const deadline = connection.transport === 'sse' ? undefined : connection.deadline
  const inProcess = roundsInProcess(new WeakSet())
  const slots = createCallSlots(maxCallsInFlight)

  return {
    callWithArguments: (registration, event, ctx) =>
      inTime(ctx, signal => {
        const text =
          registration.type === 'tool' ? argumentsEvent(event, ctx) : JSON.stringify(event)
        return invoke(registration, text, invocation(ctx), signal)
      }),

    callMcp(registration, { method, params, variables }, ctx) {
      const clientCapabilities = server.getClientCapabilities()
      const call = invocation(ctx)
      const context = {
        ...callContext(registration, call),
        clientCapabilities,
        variables,
      }
      const rounds = signer
        ? roundsOverRequests(registration, exactParams(params, ctx), signer)
        : inProcess
      return inTime(ctx, signal => {
        const send = (event: McpEvent) =>
          invokeStream(registration, mcpEvent(event, ctx, isStateless), call, signal)
        const failed = () => call.run?.failed('function_failed')
        const options = { rounds, failed, afterNotification: drained }
        return callMcpFunction(send, { method, params, context }, ctx, options)
      })
    },
  }

  async function inTime<T>(
    { mcpReq }: ServerContext,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (!deadline) return run(mcpReq.signal)
    const signal = AbortSignal.any([mcpReq.signal, deadline])
    let hasSlot = false
    try {
      await slots.take(signal)
      hasSlot = true
      return await run(signal)
    } catch (error) {
      if (!deadline.aborted) throw error
      const cause = 'The time of the environment was over'
      const { code, message, data } = hasSlot ? outcomeUnknown(cause) : busy(cause)
      throw new JsonRpcError(code, message, data)
    } finally {
      if (hasSlot) slots.free()
    }
  }

  function invocation(ctx: ServerContext): Invocation {
    const { _meta } = ctx.mcpReq
    const { name, version } = server.getClientVersion() ?? {}
    return {
      caller,
      sessionId,
      clientInfo: name && version ? { name, version } : undefined,
      traceparent: toTraceparent(_meta?.['traceparent']) ?? arrival.trace?.traceparent,
      run: records.of(ctx),
    }
  }
}
