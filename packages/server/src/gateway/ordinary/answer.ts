import type {
  Registration,
  RegistrationType,
  Tool,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { RequestId } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import { describe, GatewayError } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import type { Arrival } from '../../http/service.ts'
import { toTraceparent } from '../../http/trace.ts'
import { toPromptResult, toReadResult, toToolOutput } from '../../invoker/contracts/arguments.ts'
import type { Invoke, Outcome } from '../../invoker/invoker.ts'
import { isRecord } from '../../is-record.ts'
import { INTERNAL_ERROR, JsonRpcError } from '../../jsonrpc-error.ts'
import type { BeginCall, CallRecord } from '../../observe/call-record.ts'
import type { RateLimits } from '../../rate-limit/rate-limits.ts'
import { type CachedRegistry, listAgeMs } from '../../registry/cached.ts'
import type { List } from '../../registry/cached-list.ts'
import { cacheHints } from '../protocol/cache-hints.ts'
import { capabilitiesOf } from '../protocol/capabilities.ts'
import { pageBytes } from '../protocol/paging.ts'
import { assertPromptArguments, promptOf } from '../protocol/prompts.ts'
import { failedInGateway } from '../protocol/request-errors.ts'
import { serverInfo } from '../protocol/server-info.ts'
import { callTool, toolOf } from '../protocol/tools.ts'
import { resourceOf } from '../protocol/uris.ts'
import type { createCachedValidators } from '../protocol/validators.ts'
import { earlierErrorCode } from '../wire/jsonrpc.ts'
import { outcomeUnknown } from '../wire/outcome-unknown.ts'
import {
  INITIALIZE_PROTOCOL_VERSIONS,
  STATELESS_PROTOCOL_VERSION,
} from '../wire/protocol-versions.ts'
import { createListPages, typeOf } from './list-pages.ts'
import type { ClientInfo, Meta, OrdinaryRequest } from './ordinary-request.ts'

export interface OrdinaryOptions {
  registry: CachedRegistry
  invoke: Invoke
  limits: RateLimits
  beginCall: BeginCall
  validatorsOf: ReturnType<typeof createCachedValidators>
  /** Whether clients may be notified of changes. */
  serverPush: boolean
  /** What clients may tell their model about this gateway. Empty for nothing. */
  instructions: string
  /** Seconds for which a client may cache a list. */
  listTtlSeconds: number
}

/** Who sent a request, and what belongs to it. */
export interface OrdinaryContext {
  caller: Caller
  /** The Lambda request, for the log. */
  requestId: string
  arrival: Arrival
  /** Whether the request is of protocol version 2026-07-28. */
  isStateless: boolean
  sessionId?: string | undefined
  /** False where the request counted for its caller when it was posted. @default true */
  countsForCaller?: boolean
  client?: ClientInfo | undefined
  /** Aborts when the client cancels the request. */
  signal?: AbortSignal
  /** Milliseconds that a function may run. */
  timeMs: number
  /** Awaited before an output of so many bytes is read. */
  beforeOutput?: (bytes: number) => Promise<void>
}

/** A result as JSON, or an error. */
export type Answer =
  | { result: string }
  | { error: { code: number; message: string; data?: unknown } }

/**
 * Finds out how an ordinary request is answered, and returns what does it. Undefined where the SDK
 * has to answer it: the function streams, or may ask the client. Nothing was done then. Rejects
 * with a `GatewayError` where a table fails, and where a rate limit is reached. What it returns
 * never rejects.
 */
export type PrepareAnswer = (
  request: OrdinaryRequest,
  context: OrdinaryContext,
) => Promise<(() => Promise<Answer>) | undefined>

export function createOrdinaryAnswers(options: OrdinaryOptions): PrepareAnswer {
  const { registry, invoke, limits, beginCall, validatorsOf, serverPush } = options
  const instructions = options.instructions ? { instructions: options.instructions } : {}
  const hints = cacheHints(options.listTtlSeconds)
  const pageOf = createListPages()

  return async (request, context) => {
    // Where the SDK answers the request, it has a record of its own.
    const call = 'meta' in request ? begin(request, context) : undefined
    try {
      const answer = await prepare(request, context, call)
      return answer && (() => answer().catch(error => failed(error, request.method, context, call)))
    } catch (error) {
      // Nothing was done: the client may send the request again.
      if (error instanceof GatewayError) {
        call?.refused(error)
        throw error
      }
      const answer = failed(error, request.method, context, call)
      return async () => answer
    }
  }

  function begin({ method, meta }: { method: string; meta: Meta }, context: OrdinaryContext) {
    const { caller, requestId, sessionId, arrival } = context
    const { traceparent } = meta
    return beginCall({ method, caller, requestId, sessionId, arrival, traceparent })
  }

  async function prepare(
    request: OrdinaryRequest,
    context: OrdinaryContext,
    record: CallRecord | undefined,
  ): Promise<(() => Promise<Answer>) | undefined> {
    const { caller, isStateless, countsForCaller = true } = context
    const admit = (registration: Registration) =>
      limits.admit({ caller, registration, countsForCaller })
    switch (request.method) {
      case 'ping':
        return async () => ({ result: '{}' })
      case 'initialize':
        return async () => ({ result: JSON.stringify(initializeResult(request)) })
      case 'server/discover': {
        const supportedVersions = [STATELESS_PROTOCOL_VERSION]
        // Only functions with the contract `mcp` can log. Without the table, they may be there.
        const logging = await registry.usesMcpContract().catch(() => true)
        const capabilities = capabilitiesOf({ serverPush, logging })
        const result = { supportedVersions, capabilities, ...instructions }
        return async () => ({ result: complete(result, context, hints['server/discover']) })
      }
      case 'tools/call': {
        const { name, args, meta } = request
        const tool = await toolOf(registry, caller, name)
        if (tool.contract === 'mcp' || hasHeaders(tool)) return undefined
        record?.found(tool, args)
        await admit(tool)
        const call = async () =>
          toToolOutput(await callFunction(tool, JSON.stringify(args), meta, context, record))
        const takesAnyStructure = isStateless
        return async () =>
          answered(
            await callTool(tool, args, { validatorsOf, takesAnyStructure, call }),
            context,
            record,
          )
      }
      case 'prompts/get': {
        const { name, args, meta } = request
        const prompt = await promptOf(registry, caller, name)
        if (prompt.contract === 'mcp') return undefined
        record?.found(prompt, args)
        assertPromptArguments(prompt, args)
        await admit(prompt)
        return async () => {
          const outcome = await callFunction(prompt, JSON.stringify(args), meta, context, record)
          return answered(await toPromptResult(outcome, prompt), context, record)
        }
      }
      case 'resources/read': {
        const { uri, meta } = request
        const resources = await registry.list('resource')
        const { resource, variables } = resourceOf(resources, caller, uri)
        if (resource.contract === 'mcp') return undefined
        record?.found(resource, { uri })
        await admit(resource)
        const event = JSON.stringify({ ...variables, uri })
        return async () => {
          const outcome = await callFunction(resource, event, meta, context, record)
          return answered(await toReadResult(outcome, uri, resource), context, record, NOT_CACHED)
        }
      }
      default: {
        const { method, cursor } = request
        const list = await registry.list(typeOf(method), listAgeMs(options))
        // Earlier protocol versions wrap such a schema.
        if (!isStateless && method === 'tools/list' && hasWrappedOutput(list)) return undefined
        const maxBytes = pageBytes(isStateless ? STATELESS_PROTOCOL_VERSION : undefined)
        const members = pageOf(method, list, caller, cursor, maxBytes)
        if (!isStateless) return async () => ({ result: `{${members}}` })
        const rest = JSON.stringify({ ...hints[method], ...COMPLETE })
        return async () => ({ result: `{${members},${rest.slice(1)}` })
      }
    }
  }

  function initializeResult({ protocolVersion: requested }: { protocolVersion: string }) {
    const [newest] = INITIALIZE_PROTOCOL_VERSIONS
    const protocolVersion = INITIALIZE_PROTOCOL_VERSIONS.includes(requested) ? requested : newest
    const capabilities = capabilitiesOf({ serverPush, logging: true })
    return { protocolVersion, capabilities, serverInfo, ...instructions }
  }

  async function callFunction(
    registration: Registration,
    event: string,
    { traceparent }: Meta,
    context: OrdinaryContext,
    run: CallRecord | undefined,
  ): Promise<Outcome> {
    const { caller, sessionId, client, signal, timeMs, beforeOutput, arrival } = context
    const stop = new AbortController()
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      stop.abort()
    }, timeMs)
    // `AbortSignal.any` takes a tenth of the processor time of a call.
    const cancel = () => stop.abort()
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted) cancel()
    try {
      return await invoke(
        registration,
        event,
        {
          caller,
          sessionId,
          clientInfo: client?.name && client.version ? client : undefined,
          traceparent: toTraceparent(traceparent) ?? arrival.trace?.traceparent,
          beforeOutput,
          run,
        },
        stop.signal,
      )
    } catch (error) {
      if (!isLate) throw error
      const { code, message, data } = outcomeUnknown('The time of the environment was over')
      throw new JsonRpcError(code, message, data)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
    }
  }
}

function failed(
  error: unknown,
  method: string,
  { requestId, signal }: OrdinaryContext,
  call: CallRecord | undefined,
): Answer {
  call?.refused(error, signal)
  if (error instanceof JsonRpcError) return { error: shown(error) }
  // A cancelled request has no response.
  if (!signal?.aborted)
    log.error('request failed', {
      requestId,
      ...call?.ids,
      'mcp.method.name': method,
      error: describe(error),
    })
  return { error: { code: INTERNAL_ERROR, message: failedInGateway(requestId) } }
}

/** What every result of protocol version 2026-07-28 has. */
const COMPLETE = {
  resultType: 'complete',
  _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
}

const NOT_CACHED = { ttlMs: 0, cacheScope: 'private' }

type McpResult = { _meta?: unknown; [name: string]: unknown }

/** The answer to a call. */
function answered(
  result: McpResult,
  context: OrdinaryContext,
  call: CallRecord | undefined,
  hint?: object,
): Answer {
  const text = complete(result, context, hint)
  call?.succeeded(result, text)
  return { result: text }
}

function complete(result: McpResult, { isStateless }: OrdinaryContext, hint?: object): string {
  if (!isStateless) return JSON.stringify(result)
  const { _meta: meta } = result
  const _meta = { ...(isRecord(meta) && meta), ...COMPLETE._meta }
  return JSON.stringify({ ...result, ...hint, ...COMPLETE, _meta })
}

function shown({ code, message, data }: JsonRpcError) {
  return { code, message, ...(data !== undefined && { data }) }
}

const withHeaders = new WeakMap<Tool, boolean>()

/** Whether clients repeat arguments of the tool as headers: the SDK compares them. */
function hasHeaders(tool: Tool): boolean {
  const known = withHeaders.get(tool)
  if (known !== undefined) return known
  const answer = JSON.stringify(tool.inputSchema).includes('"x-mcp-header"')
  withHeaders.set(tool, answer)
  return answer
}

const wrapped = new WeakMap<object, boolean>()

/** Whether a tool of this list has an output schema that is not that of an object. */
function hasWrappedOutput(list: List<RegistrationType>): boolean {
  const known = wrapped.get(list)
  if (known !== undefined) return known
  const answer = [...list.values()].some(
    it => it.type === 'tool' && it.outputSchema && it.outputSchema['type'] !== 'object',
  )
  wrapped.set(list, answer)
  return answer
}

/** A JSON-RPC response as JSON, in the order of members that the SDK writes. */
export function responseText(id: RequestId, answer: Answer): string {
  return 'result' in answer
    ? `{"result":${answer.result},"jsonrpc":"2.0","id":${JSON.stringify(id)}}`
    : JSON.stringify({ jsonrpc: '2.0', id, error: answer.error })
}

/** The same answer for protocol versions up to 2025-11-25, which have other error codes. */
export const earlierAnswer = (answer: Answer, method: string): Answer =>
  'error' in answer
    ? { error: { ...answer.error, code: earlierErrorCode(answer.error, method) } }
    : answer
