import {
  type Implementation,
  type JSONRPCRequest,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  Server,
  type ServerContext,
  type ServerOptions,
} from '@modelcontextprotocol/server'

import { describe, GatewayError } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import { failedTool } from '../../invoker/contracts/arguments.ts'
import { isRecord } from '../../is-record.ts'
import { isTooDeep, TOO_DEEP } from '../../json/depth.ts'
import { JsonRpcError, SERVER_ERROR } from '../../jsonrpc-error.ts'
import type { CallRecord } from '../../observe/call-record.ts'
import { RateLimited } from '../../rate-limit/rate-limited.ts'
import { STATELESS_PROTOCOL_VERSION } from '../wire/protocol-versions.ts'
import type { CallRecords } from './call-records.ts'
import { withExactResult } from './exact-arguments.ts'
import { invalidRequestText } from './invalid-request.ts'
import { callsFunction } from './methods.ts'
import { failedInGateway } from './request-errors.ts'

type Handler = (request: JSONRPCRequest, ctx: ServerContext) => Promise<Result>

/**
 * The SDK's server with the gateway's errors. Every request of every transport passes through it:
 *
 * - Parameters that do not fit are -32602 with one sentence.
 * - A fault of the gateway is logged. The client gets a fixed message and the id of the log entry.
 * - A result that cannot be written as JSON becomes an error, for a tool a result with `isError`.
 */
export class GatewayServer extends Server {
  /** The Lambda request, for the log. */
  readonly #requestId: string
  readonly #calls: CallRecords | undefined

  constructor(
    serverInfo: Implementation,
    options: ServerOptions,
    requestId: string,
    calls?: CallRecords,
  ) {
    super(serverInfo, options)
    this.#requestId = requestId
    this.#calls = calls
    // Every request to the client passes through them.
    this.request = remembering(this, this.request)
    this.createMessage = remembering(this, this.createMessage)
  }

  /** The SDK calls it for every handler, its own ones included. */
  protected override _wrapHandler(method: string, handler: Handler): Handler {
    const handle = super._wrapHandler(method, handler)
    return async (request, ctx) => {
      const call = this.#calls?.begin(method, ctx)
      try {
        const isEarlier = (this.getNegotiatedProtocolVersion() ?? '') < STATELESS_PROTOCOL_VERSION
        const result = await handle(
          withoutNullArguments(request),
          isEarlier ? withoutRequestState(ctx) : ctx,
        )
        if (callsFunction(method) && isTooDeep(result)) throw new RangeError(TOO_DEEP)
        call?.succeeded(result)
        return result
      } catch (error) {
        const { signal } = ctx.mcpReq
        call?.refused(error, signal)
        // A cancelled request has no response.
        if (signal.aborted) throw error
        return this.#failed(method, error, call)
      }
    }
  }

  /** Returns the result of a tool that failed, or throws the error of the response. */
  #failed(method: string, error: unknown, call?: CallRecord): Result {
    const { message } = error instanceof Error ? error : { message: '' }
    if (method === 'tools/call' && message.startsWith('Invalid tools/call result'))
      return failedTool('The function returned a result that is not valid in this protocol version')
    if (isStackOverflow(error)) {
      if (method === 'tools/call') return failedTool(TOO_DEEP)
      throw internalError(TOO_DEEP)
    }
    if (error instanceof JsonRpcError) throw new ProtocolError(error.code, message, error.data)
    if (error instanceof RateLimited) throw new ProtocolError(SERVER_ERROR, message, error.data)
    // Other protocol errors may come from the function.
    const mayBeInvalid =
      error instanceof ProtocolError
        ? message.startsWith(`Invalid ${method} request: `)
        : error instanceof Error && error.name === 'Error'
    const invalid = mayBeInvalid ? invalidRequestText(method, message) : undefined
    if (invalid) throw new ProtocolError(ProtocolErrorCode.InvalidParams, invalid)
    if (error instanceof ProtocolError) throw writable(error)
    const ids = { requestId: this.#requestId, ...call?.ids }
    log.error('request failed', { ...ids, 'mcp.method.name': method, error: describe(error) })
    if (error instanceof GatewayError)
      throw new ProtocolError(SERVER_ERROR, message, { reason: error.code })
    throw internalError(failedInGateway(this.#requestId))
  }
}

/**
 * A server for one request without a session. The SDK serves protocol version 2026-07-28 with it.
 */
export class StatelessServer extends McpServer {
  override readonly server: Server

  constructor(
    serverInfo: Implementation,
    options: ServerOptions,
    requestId: string,
    calls: CallRecords,
  ) {
    super(serverInfo)
    this.server = new GatewayServer(serverInfo, options, requestId, calls)
  }
}

type Send = (...args: never[]) => Promise<unknown>

/** The method of a server, with the digits of numbers in the results of the client. */
const remembering = <Method extends Send>(server: Server, method: Method) =>
  ((...args) => withExactResult(() => method.apply(server, args))) as Method

const internalError = (message: string) =>
  new ProtocolError(ProtocolErrorCode.InternalError, message)

/** By a value that is nested too deep. */
const isStackOverflow = (error: unknown) =>
  error instanceof RangeError && /^Maximum call stack|^The result is nested/.test(error.message)

/** The error without its data, where these cannot be written as JSON. */
const writable = (error: ProtocolError) =>
  isTooDeep(error.data) ? new ProtocolError(error.code, error.message) : error

/**
 * Before protocol version 2026-07-28 a request state of the client has no meaning, of whatever type
 * it is. The SDK would refuse one that is no string.
 */
const withoutRequestState = (ctx: ServerContext): ServerContext => ({
  ...ctx,
  mcpReq: { ...ctx.mcpReq, requestState: () => undefined },
})

/** Some clients send null for arguments that they do not have. */
function withoutNullArguments(request: JSONRPCRequest): JSONRPCRequest {
  if (!isRecord(request.params) || request.params['arguments'] !== null) return request
  const { arguments: _null, ...params } = request.params
  return { ...request, params }
}
