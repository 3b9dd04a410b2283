import { AsyncLocalStorage } from 'node:async_hooks'

import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCRequest,
  RequestId,
  Transport,
} from '@modelcontextprotocol/server'

import { describe, GatewayError } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import { changesNumbers } from '../../json/exact-numbers.ts'
import { INTERNAL_ERROR, INVALID_REQUEST, SERVER_ERROR } from '../../jsonrpc-error.ts'
import { RateLimited } from '../../rate-limit/rate-limited.ts'
import {
  earlierAnswer,
  type OrdinaryContext,
  type PrepareAnswer,
  responseText,
} from '../ordinary/answer.ts'
import {
  type ClientInfo,
  clientInfoIn,
  type OrdinaryRequest,
  ordinaryRequest,
} from '../ordinary/ordinary-request.ts'
import { withFittingForm } from '../wire/elicited-form.ts'
import {
  cancelledIdOf,
  isRequest,
  isResponse,
  type JsonRpcResponse,
  withEarlierErrorCode,
} from '../wire/jsonrpc.ts'
import { messageText } from '../wire/message-text.ts'
import { busy, outcomeUnknown } from '../wire/outcome-unknown.ts'
import { createCallQueue } from './call-queue.ts'
import { createOpenRequests, type OpenRequest } from './open-requests.ts'
import type { Outbox } from './outbox.ts'
import { createPings } from './pings.ts'
import { createSeenRequests } from './seen-requests.ts'
import { createServerRequests } from './server-requests.ts'

/**
 * One SSE session: the messages of its client, and the event stream of `GET /sse`. It answers
 * ordinary requests itself. For the others it is the transport of a server of the SDK, which is
 * loaded for the first of them.
 */
export interface SseTransport extends Transport {
  /**
   * Takes a message of the client, which has this text. Every request gets exactly one response,
   * unless the client cancels it.
   */
  receive(message: JSONRPCMessage, text: string): void
  /** Whether a request waits or runs. Its response is not written yet. */
  isBusy(): boolean
  /** Resolves when the client answers, also with an error. Rejects after the time. */
  ping(timeoutMs: number): Promise<void>
  /** The requests without a response. */
  openIds(): RequestId[]
  /** Resolves when the server of the SDK is connected. */
  connected(): Promise<void>
  /** Resolves when every request that was received so far has a response or was cancelled. */
  allSettled(): Promise<void>
  /** Sends an error for every request that has no response yet. */
  failOpen(): Promise<void>
}

export interface SseTransportOptions {
  sessionId: string
  outbox: Outbox
  /** Calls of functions that may run at once. */
  maxCallsInFlight: number
  prepare: PrepareAnswer
  /** What belongs to every request of the session. */
  context: OrdinaryContext
  /** Connects a server of the SDK to this transport. */
  connect(transport: Transport): Promise<void>
  /**
   * The protocol version of a client that has sent `initialize` in an earlier session. The official
   * clients open a new stream when theirs has ended, and do not send `initialize` again.
   */
  protocolVersion: string | undefined
  /** In a resumable session: what the client has said before, and what keeps what it says. */
  resumed?: {
    initialize: JSONRPCRequest['params']
    logLevel: string | undefined
    keepInitialize(params: unknown): Promise<void>
    keepLogLevel(level: unknown): Promise<void>
  }
}

/** The ids of requests that no client sent on this stream. Those of its requests begin at 1. */
const ASSUMED_INITIALIZE = 0
const ASSUMED_LOG_LEVEL = -1

/** The methods that call functions. Their number in flight is limited. */
const CALLS = new Set(['tools/call', 'resources/read', 'prompts/get', 'completion/complete'])

export function createSseTransport(options: SseTransportOptions): SseTransport {
  const { sessionId, outbox, maxCallsInFlight, prepare, context, protocolVersion } = options
  const { resumed } = options
  const calls = createCallQueue(maxCallsInFlight, outbox.hasRoomFor)
  const seen = resumed && createSeenRequests()
  const open = createOpenRequests()
  let lastInternalId = ASSUMED_INITIALIZE
  /** The params of `initialize` that were answered here: the server of the SDK gets them too. */
  let initialized = resumed?.initialize
  let client: ClientInfo | undefined = clientInfoIn(initialized?.['clientInfo'])
  let connecting: Promise<void> | undefined
  /** The server of the SDK has answered `initialize`, so it answers everything. */
  let isServerAlone = false
  const pings = createPings(outbox.sendOnce)
  const serverRequests = createServerRequests()
  let lastWrite = Promise.resolve()

  const transport: SseTransport = {
    sessionId,
    async start() {},
    async send(message) {
      if (!isResponse(message)) return write(messageText(serverRequests.toClient(message)))
      const request = open.withInternalId(message.id)
      // The client cancelled the request, or `failOpen` sent an error for it, or no client sent it.
      if (request) await respondWith(request, message)
    },
    async close() {
      transport.onclose?.()
    },
    receive(message, text) {
      const cancelled = cancelledIdOf(message)
      if (isRequest(message)) receiveRequest(message, text)
      else if (cancelled !== undefined) cancel(message, open.get(cancelled))
      else if (isResponse(message)) receiveResponse(message, text)
      // Without a server nothing waits for it.
      else if (connecting) void connecting.then(() => deliver(message), logFailure)
    },
    ping: pings.send,
    connected,
    openIds: open.ids,
    isBusy: () => open.unanswered().length > 0,
    allSettled: open.allRemoved,
    async failOpen() {
      for (const request of open.unanswered()) {
        const isRunning = request.state === 'running'
        const cause = 'The stream ended'
        if (isRunning) request.cancelled.abort(STREAM_ENDED)
        void fail(
          request,
          isRunning ? outcomeUnknown(`${cause} while the request was running`) : busy(cause),
        )
      }
      await lastWrite
    },
  }
  return transport

  /** Connects the server of the SDK, once, and tells it what the client has said. */
  function connected(): Promise<void> {
    if (connecting) return connecting
    // What the client says from now on is delivered as it is.
    const params = initialized ?? (protocolVersion && assumedInitialize(protocolVersion))
    connecting = options.connect(transport).then(() => {
      if (!params) return
      deliver({ jsonrpc: '2.0', id: ASSUMED_INITIALIZE, method: 'initialize', params })
      deliver({ jsonrpc: '2.0', method: 'notifications/initialized' })
      const level = resumed?.logLevel
      if (level === undefined) return
      const method = 'logging/setLevel'
      deliver({ jsonrpc: '2.0', id: ASSUMED_LOG_LEVEL, method, params: { level } })
    })
    return connecting
  }

  function receiveRequest(message: JSONRPCRequest, text: string) {
    const { id, method } = message
    const known = seen?.add(id, text)
    if (known === 'same') return
    const isOpen = open.get(id) !== undefined
    if (isOpen || known === 'other') {
      const owner = isOpen ? 'a request that has no response yet' : 'an earlier request'
      const text = `The id ${JSON.stringify(id)} belongs to ${owner}`
      const error = { code: INVALID_REQUEST, message: text }
      return void write(JSON.stringify({ jsonrpc: '2.0', id, error }))
    }
    const ordinary = ordinaryOf(message, text)
    lastInternalId += 1
    const request: OpenRequest = {
      id,
      internalId: lastInternalId,
      method,
      size: text.length,
      state: 'received',
      cancelled: new AbortController(),
      // A call that waits starts in its own context, not in that of the call before it.
      start: AsyncLocalStorage.bind(
        () => void start(request, message, ordinary).catch(error => notHandled(request, error)),
      ),
    }
    open.add(request)
    if (!CALLS.has(method)) request.start()
    else if (!calls.add(request)) void fail(request, busy(TOO_MANY_CALLS))
  }

  async function start(
    request: OpenRequest,
    message: JSONRPCRequest,
    ordinary: OrdinaryRequest | undefined,
  ): Promise<void> {
    // `failOpen` has failed it while it waited.
    if (request.state !== 'received') return
    request.state = 'running'
    if (resumed) await keep(resumed, message)
    const { signal } = request.cancelled
    const hold = outbox.hold()
    const given = { ...context, client, signal, beforeOutput: hold.take }
    try {
      const answer = ordinary && (await prepare(ordinary, given))
      if (answer) {
        const response = earlierAnswer(await answer(), request.method)
        return respond(request, responseText(request.id, response))
      }
    } finally {
      // A response waits for the reader from here on, and is counted there.
      hold.release()
    }
    await connected()
    // The client may have cancelled it, or the stream may have failed it, meanwhile.
    if (request.state !== 'running' || !open.withInternalId(request.internalId)) return
    if (!deliver({ ...message, id: request.internalId })) await fail(request, FAILED)
  }

  /** A later stream may need it. So it is kept before the client knows that it counts. */
  async function keep(
    { keepInitialize, keepLogLevel }: NonNullable<SseTransportOptions['resumed']>,
    { method, params }: JSONRPCRequest,
  ) {
    if (method === 'initialize') await keepInitialize(params)
    if (method === 'logging/setLevel') await keepLogLevel(params?.['level'])
  }

  /** Responses to unknown requests are dropped: an earlier stream may have sent them. */
  function receiveResponse(message: JsonRpcResponse, text: string) {
    if (pings.take(message.id)) return
    const response = serverRequests.toServer(message, text)
    if (response) deliver(response)
  }

  /** The ordinary request that a message is. Undefined where the server of the SDK answers it. */
  function ordinaryOf(message: JSONRPCRequest, text: string): OrdinaryRequest | undefined {
    if (isServerAlone) return undefined
    // Numbers that JavaScript would change need more care.
    const ordinary = changesNumbers(text) ? undefined : ordinaryRequest(message, false)
    if (message.method !== 'initialize') return ordinary
    if (ordinary?.method !== 'initialize') {
      isServerAlone = true
      return undefined
    }
    initialized = message.params
    client = ordinary.client
    return connecting ? undefined : ordinary
  }

  /** A rate limit is reached, a table failed before the call, or the server does not load. */
  async function notHandled(request: OpenRequest, error: unknown) {
    if (error instanceof RateLimited) {
      const { message, data } = error
      return fail(request, { code: SERVER_ERROR, message, data })
    }
    logFailure(error)
    const isKnown = error instanceof GatewayError
    const data = { reason: isKnown ? error.code : undefined }
    await fail(request, isKnown ? { code: SERVER_ERROR, message: error.message, data } : FAILED)
  }

  function logFailure(error: unknown) {
    log.error('message not handled', { 'mcp.session.id': sessionId, error: describe(error) })
  }

  /** False where the server throws. The stream goes on. */
  function deliver(message: JSONRPCMessage): boolean {
    try {
      transport.onmessage?.(withFittingForm(message))
      return true
    } catch (error) {
      logFailure(error)
      return false
    }
  }

  /** A request that has a response, or none that is open, cannot be cancelled. */
  function cancel(message: JSONRPCMessage, request: OpenRequest | undefined) {
    if (!request || request.state === 'responding' || !('method' in message)) return
    const wasRunning = request.state === 'running'
    request.cancelled.abort()
    settle(request)
    const params = { ...message.params, requestId: request.internalId }
    if (wasRunning && connecting) void connecting.then(() => deliver({ ...message, params }))
  }

  function fail(request: OpenRequest, error: JSONRPCErrorResponse['error']) {
    return respondWith(request, { jsonrpc: '2.0', id: request.internalId, error })
  }

  function respondWith(request: OpenRequest, message: JSONRPCMessage) {
    const response = { ...message, id: request.id } as JSONRPCMessage
    return respond(request, messageText(withEarlierErrorCode(response, request.method)))
  }

  /** The request counts as open until its response is read, so that unread responses are few. */
  async function respond(request: OpenRequest, text: string) {
    if (request.state === 'responding' || !open.withInternalId(request.internalId)) return
    request.state = 'responding'
    await write(text, request.id)
    settle(request)
  }

  function write(text: string, answers?: RequestId): Promise<void> {
    lastWrite = outbox.send(text, answers)
    return lastWrite
  }

  function settle(request: OpenRequest) {
    open.remove(request)
    calls.remove(request)
  }
}

function assumedInitialize(protocolVersion: string) {
  return { protocolVersion, capabilities: {}, clientInfo: { name: 'unknown', version: '0' } }
}

const STREAM_ENDED = outcomeUnknown('The stream ended')

const FAILED = { code: INTERNAL_ERROR, message: 'The request failed in the gateway' }

const TOO_MANY_CALLS =
  'Too many calls of this stream are running or waiting (setting MaxCallsInFlight). Wait for responses'
