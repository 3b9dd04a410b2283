import type { JSONRPCMessage, RequestId, Transport } from '@modelcontextprotocol/server'

import type { EventStream } from '../wire/event-stream.ts'
import { asRevisionSays, isReply } from '../wire/jsonrpc.ts'

/** A `Transport` over an event stream: the server's half of HTTP+SSE, for one session. */
export interface Connection extends Transport {
  /** Hands a message of the client to the server. */
  receive(message: JSONRPCMessage): void
  /**
   * Makes the server take its client for initialized. The official clients open a new stream by themselves
   * when theirs has ended, and do not introduce themselves again.
   */
  resume(protocolVersion: string): void
  /** Resolves when every request received so far has been answered or cancelled. */
  idle(): Promise<void>
  /** Answers every request that is still running with an error that says its outcome is unknown. */
  abandon(): Promise<void>
}

/** The id of the initialize that no client sent. */
const RESUMED = 'mcp-lambda-sam:resumed'

export function createConnection(sessionId: string, events: EventStream): Connection {
  /** Requests of the client that have no answer yet, with their methods. */
  const running = new Map<RequestId, string>()
  let waiting: (() => void)[] = []
  let sequence = 0

  const connection: Connection = {
    sessionId,
    async start() {},
    async send(message) {
      if (isReply(message) && message.id === RESUMED) return
      // Answered by `abandon`, or cancelled by the client: a late result must not follow.
      if (isReply(message) && !running.has(message.id)) return
      await write(message)
      if (isReply(message)) settle(message.id)
    },
    async close() {
      connection.onclose?.()
    },
    receive(message) {
      if ('method' in message && 'id' in message) running.set(message.id, message.method)
      if ('method' in message && message.method === 'notifications/cancelled')
        settle(message.params?.['requestId'] as RequestId)
      connection.onmessage?.(message)
    },
    resume(protocolVersion) {
      const clientInfo = { name: 'unknown', version: '0' }
      const params = { protocolVersion, capabilities: {}, clientInfo }
      connection.onmessage?.({ jsonrpc: '2.0', id: RESUMED, method: 'initialize', params })
      connection.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' })
    },
    idle() {
      return running.size === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))
    },
    async abandon() {
      for (const id of running.keys()) {
        await write({
          jsonrpc: '2.0',
          id,
          error: {
            code: -32000,
            message:
              'The stream was recycled while the request was running; whether it took effect is unknown',
            data: { reason: 'stream-recycled', retrySafe: false },
          },
        })
        settle(id)
      }
    },
  }
  return connection

  async function write(message: JSONRPCMessage) {
    sequence += 1
    const said = isReply(message) ? asRevisionSays(message, running.get(message.id)) : message
    await events.event({
      id: `${sessionId}.${sequence}`,
      name: 'message',
      data: JSON.stringify(said),
    })
  }

  function settle(id: RequestId) {
    running.delete(id)
    if (running.size > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }
}
