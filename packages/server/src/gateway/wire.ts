import { randomBytes } from 'node:crypto'

import type {
  JSONRPCMessage,
  JSONRPCRequest,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server'

import { describe } from '../errors.ts'
import type { Relay } from '../relay/relay.ts'
import type { Introduction } from '../relay/sessions.ts'

/** While a request of the server waits for its answer, the place where that is posted is kept this often. */
const RENEW_MS = 15_000

export interface Wire extends Transport {
  /** Tells the server what the client said when it introduced itself, to another environment. */
  replay(introduction: Introduction): Promise<void>
}

/**
 * The transport of one exchange, made part of a session: the server has heard the client's `initialize`, and the
 * answer to what the server asks the client may arrive at any environment, from where it comes by the relay.
 * Its requests get ids of their own for that, since every server counts from 0.
 */
export function sessionWire(transport: Transport, relay: Relay, owner: string): Wire {
  const closed = new AbortController()
  const replayed = new Map<unknown, () => void>()

  const wire: Wire = {
    async start() {
      transport.onmessage = (message, extra) => wire.onmessage?.(message, extra)
      transport.onerror = error => wire.onerror?.(error)
      transport.onclose = () => {
        closed.abort()
        wire.onclose?.()
      }
      await transport.start()
    },
    async send(message, options) {
      if (!('method' in message) && replayed.has(message.id)) return replayed.get(message.id)?.()
      if ('method' in message && 'id' in message) return ask(message as JSONRPCRequest, options)
      await transport.send(message, options)
    },
    close: () => transport.close(),
    setProtocolVersion: version => transport.setProtocolVersion?.(version),
    setSupportedProtocolVersions: versions => transport.setSupportedProtocolVersions?.(versions),
    async replay({ initialize, logLevel }) {
      await request('initialize', JSON.parse(initialize))
      wire.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' })
      if (logLevel) await request('logging/setLevel', { level: logLevel })
    },
  }
  return wire

  /** A request that no client sent; its answer stays here. */
  function request(method: string, params: Record<string, unknown>): Promise<void> {
    const id = `replay:${method}`
    return new Promise(resolve => {
      replayed.set(id, resolve)
      wire.onmessage?.({ jsonrpc: '2.0', id, method, params })
    })
  }

  async function ask(message: JSONRPCRequest, options?: TransportSendOptions) {
    const id = randomBytes(18).toString('base64url')
    const inbox = await relay.open({ id, owner })
    const renewal = setInterval(() => void inbox.renew().catch(report), RENEW_MS)
    void answer()
      .catch(report)
      .finally(() => {
        clearInterval(renewal)
        return inbox.close().catch(report)
      })
    await transport.send({ ...message, id }, options)

    async function answer() {
      for await (const text of inbox.messages(closed.signal)) {
        wire.onmessage?.({
          ...(JSON.parse(text) as JSONRPCMessage),
          id: message.id,
        } as JSONRPCMessage)
        return
      }
    }
  }

  function report(error: unknown) {
    console.warn(JSON.stringify({ message: 'answer not received', error: describe(error) }))
  }
}
