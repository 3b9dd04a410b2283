import { randomUUID } from 'node:crypto'

import { ClientError } from '../errors.ts'
import { isRecord } from '../is-record.ts'
import type { JsonRpcMessage, RequestId } from '../jsonrpc.ts'
import { SigV4SseTransport } from '../sse/transport.ts'
import type { SendOptions } from '../streamable/send-options.ts'
import { SigV4StreamableHttpTransport } from '../streamable/transport.ts'
import type { TransportOptions } from '../transport/options.ts'
import { type NewSession, restoreSession } from '../transport/restore-session.ts'
import { createSessionState, type StateRequest } from '../transport/session-state.ts'
import type { Log } from './log.ts'

export type TransportChoice = 'auto' | 'http' | 'sse'

/** The way to the gateway. It outlives its transports. */
export interface Connection {
  /** Resolves when the gateway has accepted the message. Rejects with a `ClientError`. */
  send(message: JsonRpcMessage, options?: SendOptions): Promise<void>
  /** Ends the MCP session on the server. */
  close(): Promise<void>
}

interface ConnectionOptions {
  url: URL
  choice: TransportChoice
  options: TransportOptions
  onMessage(message: JsonRpcMessage): void
  log: Log
}

type Transport = SigV4StreamableHttpTransport | SigV4SseTransport

/** What another session needs to know. */
const REMEMBERED = new Set([
  'initialize',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

const ANSWER_TIMEOUT_MS = 30_000
/** Milliseconds between two lines about pauses. */
const TELL_MS = 5_000

/**
 * `auto` is Streamable HTTP, and HTTP+SSE where the server has no such endpoint (404, 405). A
 * transport that has ended is replaced when the next message is sent: the new one begins a session
 * with the `initialize` of the host.
 */
export function createConnection(given: ConnectionOptions): Connection {
  const { url, choice, options, onMessage, log } = given
  const state = createSessionState()
  const remembered = new Map<RequestId, JsonRpcMessage>()
  /** Requests of the bridge itself. */
  const own = new Map<RequestId, (response: JsonRpcMessage) => void>()
  let kind: 'http' | 'sse' = choice === 'sse' ? 'sse' : 'http'
  let isDecided = choice !== 'auto'
  let isInitialized = false
  let current: Promise<Transport> | undefined
  let toldAt = 0

  return {
    async send(message, sendOptions) {
      const { id, method = '' } = message
      if (id !== undefined && REMEMBERED.has(method)) remembered.set(id, message)
      try {
        await sendNow(message, sendOptions)
      } catch (error) {
        if (id !== undefined) remembered.delete(id)
        throw error
      }
      if (method === 'notifications/initialized') isInitialized = true
    },
    async close() {
      const transport = await current?.catch(() => undefined)
      if (transport instanceof SigV4StreamableHttpTransport)
        await transport.terminateSession().catch(({ message }) => log.info(message))
      await transport?.close()
    },
  }

  async function sendNow(message: JsonRpcMessage, sendOptions?: SendOptions): Promise<void> {
    const used = kind
    try {
      current ??= open(message.method === 'initialize')
      const transport = await current
      await transport.send(message, sendOptions)
      isDecided = true
    } catch (error) {
      if (isDecided || !isMissing(error)) throw error
      if (used === 'sse') {
        kind = 'http' // neither is there: the next message tries both again
        throw error
      }
      if (kind === 'http') switchToSse()
      await sendNow(message, sendOptions)
    }
  }

  function switchToSse() {
    log.info(`${url.origin} has no Streamable HTTP: using HTTP+SSE`)
    kind = 'sse'
    const replaced = current
    current = undefined
    void replaced?.then(transport => transport.close())
  }

  function open(isInitialize: boolean): Promise<Transport> {
    const Transport = kind === 'sse' ? SigV4SseTransport : SigV4StreamableHttpTransport
    const transport = new Transport(url, { ...options, onPause: tellPause })
    const opening = start()
    const forget = () => {
      if (current === opening) current = undefined
    }
    transport.onmessage = message => receive(message, transport)
    transport.onerror = ({ message }) => log.warn(message)
    transport.onclose = forget
    opening.catch(forget)
    return opening

    async function start() {
      await transport.start()
      if (state.initializeParams && !isInitialize)
        await beginAgain(transport).catch(async error => {
          await transport.close()
          throw error
        })
      return transport
    }
  }

  /** Many requests may wait for the same limit. */
  function tellPause({ message }: ClientError, pauseMs: number) {
    if (Date.now() - toldAt < TELL_MS) return
    toldAt = Date.now()
    log.warn(`Waiting for ${Math.ceil(pauseMs / 1000)} s: ${message}`)
  }

  function receive(message: JsonRpcMessage, transport: Transport) {
    const { id, method } = message
    if (method !== undefined || id === undefined) return onMessage(message)
    const onOwnResponse = own.get(id)
    if (onOwnResponse) return onOwnResponse(message)
    const request = remembered.get(id)
    remembered.delete(id)
    if (request) state.onResponse(request, message)
    if (request?.method === 'initialize') setVersion(transport, message.result)
    onMessage(message)
  }

  /** Begins a session in place of one that is lost, as the host began it. */
  async function beginAgain(transport: Transport) {
    log.info('The session is lost: beginning another')
    const session: NewSession = {
      name: url.origin,
      async request(it) {
        const response = await requestOf(transport, it)
        if (it.method === 'initialize') setVersion(transport, response.result)
        return response
      },
      notify: message => transport.send(message),
      report: error => log.warn((error as Error).message),
    }
    const missed = await restoreSession(session, state, isInitialized).catch(error => {
      if (!(error instanceof ClientError) || !USELESS.has(error.code)) throw error
      const hint = 'Restart the server in the host.'
      throw new ClientError(error.code, error.message, { hint, cause: error })
    })
    for (const message of missed) onMessage(message)
  }

  async function requestOf(transport: Transport, { method, params }: StateRequest) {
    const id = `bridge-${randomUUID()}`
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<JsonRpcMessage>((resolve, reject) => {
        own.set(id, resolve)
        const late = () =>
          reject(new ClientError('timeout', `${url.origin} did not answer ${method}`))
        timer = setTimeout(late, ANSWER_TIMEOUT_MS)
        transport.send({ jsonrpc: '2.0', id, method, params }).catch(reject)
      })
    } finally {
      clearTimeout(timer)
      own.delete(id)
    }
  }
}

/** The server begins no other session like the one that is lost. */
const USELESS = new Set<string>(['invalid_response', 'session_not_found'])

function setVersion(transport: Transport, result: unknown) {
  const version = isRecord(result) ? result['protocolVersion'] : undefined
  if (typeof version === 'string') transport.setProtocolVersion(version)
}

const isMissing = (error: unknown) =>
  error instanceof ClientError && [404, 405].includes(error.status ?? 0)
