import { randomBytes } from 'node:crypto'

import type {
  JSONRPCMessage,
  JSONRPCRequest,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server'

import { describe } from '../../http/errors.ts'
import type { Relay } from '../../session-table/relay.ts'
import type { McpSession } from '../../session-table/sessions.ts'

/** While a request of the server waits for its answer, the place where that is posted is kept this often. */
const RENEW_MS = 15_000

export interface Wire extends Transport {
  /** Hands a message of the client to the server. */
  receive(message: JSONRPCMessage): void
  /** Tells the server what the client said when it introduced itself, to another environment. */
  replay(session: McpSession): Promise<void>
}

export interface WireOptions {
  relay: Relay
  owner: string
  /** Brings a message to the client. */
  send(message: JSONRPCMessage): Promise<void>
}

/**
 * The transport of one exchange, made part of a session: the server has heard the client's `initialize`, and the
 * answer to what the server asks the client may arrive at any environment, from where it comes by the relay.
 * Its requests get ids of their own for that, since every server counts from 0.
 */
export function sessionWire({ relay, owner, send }: WireOptions): Wire {
  const closed = new AbortController()
  const replayed = new Map<unknown, () => void>()

  const wire: Wire = {
    async start() {},
    async send(message, options) {
      if (!('method' in message) && replayed.has(message.id)) return replayed.get(message.id)?.()
      if ('method' in message && 'id' in message) return ask(message as JSONRPCRequest, options)
      await send(message)
    },
    async close() {
      if (closed.signal.aborted) return
      closed.abort()
      wire.onclose?.()
    },
    receive: message => wire.onmessage?.(message),
    async replay({ initialize, logLevel }) {
      await request('initialize', JSON.parse(initialize))
      wire.receive({ jsonrpc: '2.0', method: 'notifications/initialized' })
      if (logLevel) await request('logging/setLevel', { level: logLevel })
    },
  }
  return wire

  /** A request that no client sent; its answer stays here. */
  function request(method: string, params: Record<string, unknown>): Promise<void> {
    const id = `replay:${method}`
    return new Promise(resolve => {
      replayed.set(id, resolve)
      wire.receive({ jsonrpc: '2.0', id, method, params })
    })
  }

  async function ask(message: JSONRPCRequest, options?: TransportSendOptions) {
    const id = randomBytes(18).toString('base64url')
    const inbox = await relay.open({ id, owner })
    const renewal = setInterval(() => void inbox.renew().catch(report), RENEW_MS)
    const waiting = AbortSignal.any([
      closed.signal,
      ...(options?.requestSignal ? [options.requestSignal] : []),
    ])
    void answer()
      .catch(report)
      .finally(() => {
        clearInterval(renewal)
        return inbox.close().catch(report)
      })
    await send({ ...message, id })

    async function answer() {
      for await (const text of inbox.messages(waiting)) {
        const said = JSON.parse(text) as JSONRPCMessage
        wire.receive({ ...said, id: message.id } as JSONRPCMessage)
        return
      }
    }
  }

  function report(error: unknown) {
    console.warn(JSON.stringify({ message: 'answer not received', error: describe(error) }))
  }
}
