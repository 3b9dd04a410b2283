import { AsyncLocalStorage } from 'node:async_hooks'

import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCRequest,
  RequestId,
  Transport,
} from '@modelcontextprotocol/server'

import { describe } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import type { EventStream } from '../wire/event-stream.ts'
import {
  cancelledIdOf,
  INTERNAL_ERROR,
  INVALID_REQUEST,
  isRequest,
  isResponse,
  withEarlierErrorCode,
} from '../wire/jsonrpc.ts'
import { messageText } from '../wire/message-text.ts'
import { busy, outcomeUnknown } from '../wire/outcome-unknown.ts'
import { createCallQueue, type QueuedCall } from './call-queue.ts'

/** The server's transport for one SSE session. It writes to the event stream of `GET /sse`. */
export interface SseTransport extends Transport {
  /**
   * Hands a message of the client to the server. Every request gets exactly one response, unless
   * the client cancels it. `size` is the length of its text.
   */
  receive(message: JSONRPCMessage, size: number): void
  /** Resolves when the reader is less than `MAX_AHEAD` messages behind. */
  drained(): Promise<void>
  /** Whether a request waits or runs. Its response is not written yet. */
  isBusy(): boolean
  /**
   * Initializes the server without a message of the client. The official clients open a new stream
   * when theirs has ended, and do not send `initialize` again.
   */
  assumeInitialized(protocolVersion: string): void
  /** Resolves when every request that was received so far has a response or was cancelled. */
  allSettled(): Promise<void>
  /** Sends an error for every request that has no response yet. */
  failOpen(): Promise<void>
}

export interface SseTransportOptions {
  sessionId: string
  events: EventStream
  /** Calls of functions that may run at once. */
  maxCallsInFlight: number
}

/** A request of the client that has no response yet. */
interface OpenRequest extends QueuedCall {
  /** The id that the client gave it. */
  id: RequestId
  /** The id that the server knows it by. No id of a client is used there. */
  internalId: number
  method: string
  state: 'received' | 'running' | 'responding'
}

/** Messages that may wait for the reader before no more messages of the client are taken. */
const MAX_AHEAD = 16

/** The id of the `initialize` that no client sent. The ids of requests begin at 1. */
const ASSUMED_INITIALIZE = 0

/** The methods that call functions. Their number in flight is limited. */
const CALLS = new Set(['tools/call', 'resources/read', 'prompts/get', 'completion/complete'])

export function createSseTransport(options: SseTransportOptions): SseTransport {
  const { sessionId, events, maxCallsInFlight } = options
  const calls = createCallQueue(maxCallsInFlight)
  /** By the id that the client gave. */
  const open = new Map<RequestId, OpenRequest>()
  const byInternalId = new Map<unknown, OpenRequest>()
  let lastInternalId = ASSUMED_INITIALIZE
  let sequence = 0
  let unread = 0
  let lastWrite = Promise.resolve()
  let onSettled: (() => void)[] = []
  let onDrained: (() => void)[] = []

  const transport: SseTransport = {
    sessionId,
    async start() {},
    async send(message) {
      if (!isResponse(message)) return write(message)
      const request = byInternalId.get(message.id)
      // The client cancelled the request, or `failOpen` sent an error for it, or no client sent it.
      if (request) await respond(request, message)
    },
    async close() {
      transport.onclose?.()
    },
    receive(message, size) {
      const cancelled = cancelledIdOf(message)
      if (isRequest(message)) receiveRequest(message, size)
      else if (cancelled === undefined) deliver(message)
      else cancel(message, open.get(cancelled))
    },
    async drained() {
      while (unread > MAX_AHEAD && !events.closed.aborted)
        await new Promise<void>(resolve => onDrained.push(resolve))
    },
    isBusy: () => [...open.values()].some(it => it.state !== 'responding'),
    assumeInitialized(protocolVersion) {
      const clientInfo = { name: 'unknown', version: '0' }
      const params = { protocolVersion, capabilities: {}, clientInfo }
      const id = ASSUMED_INITIALIZE
      deliver({ jsonrpc: '2.0', id, method: 'initialize', params })
      deliver({ jsonrpc: '2.0', method: 'notifications/initialized' })
    },
    allSettled() {
      return open.size === 0 ? Promise.resolve() : new Promise(resolve => onSettled.push(resolve))
    },
    async failOpen() {
      const requests = [...open.values()].filter(it => it.state !== 'responding')
      for (const request of requests) {
        const isRunning = request.state === 'running'
        const cause = 'The stream ended'
        void fail(
          request,
          isRunning ? outcomeUnknown(`${cause} while the request was running`) : busy(cause),
        )
      }
      await lastWrite
    },
  }
  return transport

  function receiveRequest(message: JSONRPCRequest, size: number) {
    const { id, method } = message
    if (open.has(id)) {
      const text = `The id ${JSON.stringify(id)} belongs to a request that has no response yet`
      return void write({ jsonrpc: '2.0', id, error: { code: INVALID_REQUEST, message: text } })
    }
    lastInternalId += 1
    const request: OpenRequest = {
      id,
      internalId: lastInternalId,
      method,
      size,
      state: 'received',
      // A call that waits starts in its own context, not in that of the call before it.
      start: AsyncLocalStorage.bind(() => start(request, message)),
    }
    open.set(id, request)
    byInternalId.set(request.internalId, request)
    if (!CALLS.has(method)) request.start()
    else if (!calls.add(request)) void fail(request, busy(TOO_MANY_CALLS))
  }

  function start(request: OpenRequest, message: JSONRPCRequest) {
    // `failOpen` has failed it while it waited.
    if (request.state !== 'received') return
    request.state = 'running'
    if (!deliver({ ...message, id: request.internalId }))
      void fail(request, { code: INTERNAL_ERROR, message: 'The request failed in the gateway' })
  }

  /** False where the server throws. The stream goes on. */
  function deliver(message: JSONRPCMessage): boolean {
    try {
      transport.onmessage?.(message)
      return true
    } catch (error) {
      log.error('message not handled', { sessionId, error: describe(error) })
      return false
    }
  }

  /** A request that has a response, or none that is open, cannot be cancelled. */
  function cancel(message: JSONRPCMessage, request: OpenRequest | undefined) {
    if (!request || request.state === 'responding' || !('method' in message)) return
    const wasRunning = request.state === 'running'
    settle(request)
    const params = { ...message.params, requestId: request.internalId }
    if (wasRunning) deliver({ ...message, params })
  }

  function fail(request: OpenRequest, error: JSONRPCErrorResponse['error']) {
    return respond(request, { jsonrpc: '2.0', id: request.internalId, error })
  }

  /** The request counts as open until its response is read, so that unread responses are few. */
  async function respond(request: OpenRequest, message: JSONRPCMessage) {
    if (request.state === 'responding') return
    request.state = 'responding'
    await write(
      withEarlierErrorCode({ ...message, id: request.id } as JSONRPCMessage, request.method),
    )
    settle(request)
  }

  /** The JSON is made when the reader takes it: until then a message may share memory. */
  function write(message: JSONRPCMessage): Promise<void> {
    unread += 1
    lastWrite = lastWrite.then(async () => {
      sequence += 1
      const data = messageText(message)
      await events.event({ id: `${sessionId}.${sequence}`, name: 'message', data })
      unread -= 1
      for (const resolve of onDrained) resolve()
      onDrained = []
    })
    return lastWrite
  }

  function settle(request: OpenRequest) {
    open.delete(request.id)
    byInternalId.delete(request.internalId)
    calls.remove(request)
    if (open.size > 0) return
    for (const resolve of onSettled) resolve()
    onSettled = []
  }
}

const TOO_MANY_CALLS =
  'Too many calls of this stream are running or waiting (setting MaxCallsInFlight). Wait for responses'
