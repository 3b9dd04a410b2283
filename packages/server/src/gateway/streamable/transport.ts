import type {
  JSONRPCMessage,
  JSONRPCRequest,
  RequestId,
  Transport,
} from '@modelcontextprotocol/server'

import { describe } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import type { Relay } from '../../session-table/relay.ts'
import type { McpSession } from '../../session-table/sessions.ts'
import { responseKeeper } from '../protocol/exact-arguments.ts'
import { withFittingForm } from '../wire/elicited-form.ts'
import { cancelledIdOf, isRequest } from '../wire/jsonrpc.ts'
import { keepLease } from '../wire/lease.ts'
import { createServerRequestId, createSessionId } from '../wire/session-id.ts'

export interface SessionTransport extends Transport {
  /** Hands a message of the client to the server. */
  receive(message: JSONRPCMessage): void
  /** Repeats the client's `initialize`, and its log level, to this environment's server. */
  restore(session: McpSession): Promise<void>
}

export interface SessionTransportOptions {
  relay: Relay
  owner: string
  /** Seconds between two renewals of the inbox of a server request. */
  heartbeatSeconds: number
  /** The HTTP request, for the log. */
  requestId: string
  /** Sends a message to the client. */
  send(message: JSONRPCMessage): Promise<void>
}

/**
 * The server's transport for one HTTP request of an MCP session. The client's response to a server
 * request may arrive in any environment and comes here by the relay. A server request therefore
 * gets an id that no other environment uses, which is also the id of its inbox.
 */
export function createSessionTransport(options: SessionTransportOptions): SessionTransport {
  const { relay, owner, heartbeatSeconds, requestId, send } = options
  const closed = new AbortController()
  const restoring = new Map<unknown, () => void>()
  /** Server requests without a response, by the id that the SDK gave them. */
  const asked = new Map<RequestId, { id: string; method: string; cancelled: AbortController }>()

  const transport: SessionTransport = {
    async start() {},
    async send(message) {
      if (!('method' in message) && restoring.has(message.id)) return restored(message.id)
      if (isRequest(message)) return ask(message)
      const known = withAskedId(message)
      if (known) await send(known)
    },
    async close() {
      if (closed.signal.aborted) return
      closed.abort()
      transport.onclose?.()
    },
    receive: message => transport.onmessage?.(withFittingForm(message)),
    async restore({ initialize, logLevel }) {
      await request('initialize', JSON.parse(initialize))
      transport.receive({ jsonrpc: '2.0', method: 'notifications/initialized' })
      if (logLevel) await request('logging/setLevel', { level: logLevel })
    },
  }
  return transport

  /** A request that the client sent to another environment. Its response is not sent again. */
  function request(method: string, params: Record<string, unknown>): Promise<void> {
    // The client cannot guess it, so none of its own requests has this id.
    const id = createSessionId()
    return new Promise(resolve => {
      restoring.set(id, resolve)
      transport.receive({ jsonrpc: '2.0', id, method, params })
    })
  }

  function restored(id: unknown) {
    restoring.get(id)?.()
    restoring.delete(id)
  }

  async function ask(message: JSONRPCRequest) {
    const id = createServerRequestId()
    const keep = responseKeeper()
    const cancelled = new AbortController()
    asked.set(message.id, { id, method: message.method, cancelled })
    const inbox = await relay.open({ id, owner }).catch(error => {
      asked.delete(message.id)
      throw error
    })
    const stopRenewing = keepLease(inbox, { heartbeatSeconds, requestId })
    void receiveResponse()
      .catch(report)
      .finally(() => {
        stopRenewing()
        asked.delete(message.id)
        return inbox.close().catch(report)
      })
    await send({ ...message, id })

    async function receiveResponse() {
      const waiting = AbortSignal.any([closed.signal, cancelled.signal])
      for await (const text of inbox.messages(waiting)) {
        // `POST /mcp` has checked it.
        const response = JSON.parse(text) as JSONRPCMessage
        keep(text)
        transport.receive({ ...response, id: message.id } as JSONRPCMessage)
        return
      }
    }
  }

  /**
   * The SDK cancels a server request by its own id, which the client does not know. Undefined where
   * it cancels a ping: a client that has not answered it does nothing for it any more.
   */
  function withAskedId(message: JSONRPCMessage): JSONRPCMessage | undefined {
    const requestId = cancelledIdOf(message)
    const request = requestId === undefined ? undefined : asked.get(requestId)
    if (!request || !('method' in message)) return message
    request.cancelled.abort()
    if (request.method === 'ping') return undefined
    return { ...message, params: { ...message.params, requestId: request.id } }
  }

  function report(error: unknown) {
    log.warn('no response to a server request', { requestId, error: describe(error) })
  }
}
