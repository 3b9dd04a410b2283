import type { JSONRPCMessage, RequestId, Transport } from '@modelcontextprotocol/server'

import type { EventStream } from '../wire/event-stream.ts'
import { cancelledIdOf, isRequest, isResponse, withEarlierErrorCode } from '../wire/jsonrpc.ts'
import { outcomeUnknown } from '../wire/outcome-unknown.ts'

/** The server's transport for one SSE session. It writes to the event stream of `GET /sse`. */
export interface SseTransport extends Transport {
  /** Hands a message of the client to the server. */
  receive(message: JSONRPCMessage): void
  /**
   * Initializes the server without a message of the client. The official clients open a new stream
   * when theirs has ended, and do not send `initialize` again.
   */
  assumeInitialized(protocolVersion: string): void
  /** Resolves when every request that was received so far has a response or was cancelled. */
  allSettled(): Promise<void>
  /** Sends an error for every request that still runs: outcome unknown. */
  failRunning(): Promise<void>
}

/** The id of the `initialize` that no client sent. */
const ASSUMED_INITIALIZE = 'mcp-lambda-sam:assumed-initialize'

export function createSseTransport(sessionId: string, events: EventStream): SseTransport {
  /** The client's requests without a response, with their methods. */
  const running = new Map<RequestId, string>()
  let waiting: (() => void)[] = []
  let sequence = 0

  const transport: SseTransport = {
    sessionId,
    async start() {},
    async send(message) {
      if (isResponse(message) && message.id === ASSUMED_INITIALIZE) return
      // The client cancelled the request, or `failRunning` sent an error for it.
      if (isResponse(message) && !running.has(message.id)) return
      await write(message)
      if (isResponse(message)) settle(message.id)
    },
    async close() {
      transport.onclose?.()
    },
    receive(message) {
      if (isRequest(message)) running.set(message.id, message.method)
      const cancelled = cancelledIdOf(message)
      if (cancelled !== undefined) settle(cancelled)
      transport.onmessage?.(message)
    },
    assumeInitialized(protocolVersion) {
      const clientInfo = { name: 'unknown', version: '0' }
      const params = { protocolVersion, capabilities: {}, clientInfo }
      const id = ASSUMED_INITIALIZE
      transport.onmessage?.({ jsonrpc: '2.0', id, method: 'initialize', params })
      transport.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' })
    },
    allSettled() {
      return running.size === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))
    },
    async failRunning() {
      const error = outcomeUnknown('The stream ended while the request was running')
      for (const id of running.keys()) {
        await write({ jsonrpc: '2.0', id, error })
        settle(id)
      }
    },
  }
  return transport

  async function write(message: JSONRPCMessage) {
    sequence += 1
    const sent = isResponse(message)
      ? withEarlierErrorCode(message, running.get(message.id))
      : message
    await events.event({
      id: `${sessionId}.${sequence}`,
      name: 'message',
      data: JSON.stringify(sent),
    })
  }

  function settle(id: RequestId) {
    running.delete(id)
    if (running.size > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }
}
