import { setTimeout as sleep } from 'node:timers/promises'

import { ClientError } from '../../errors.ts'
import { reconnectDelay } from '../../http/backoff.ts'
import { unlessAborted } from '../../http/unless-aborted.ts'
import { cancelledIdOf, type JsonRpcMessage, type RequestId } from '../../jsonrpc.ts'
import { receivedText } from '../../message-text.ts'
import { protocolVersionOf, STATELESS_VERSION } from '../../streamable/mcp-headers.ts'
import type { Connection } from '../connection.ts'
import {
  errorResponse,
  failureResponse,
  INVALID_REQUEST,
  REQUEST_TIMEOUT,
} from '../error-response.ts'
import type { Log } from '../log.ts'
import { createParamHeaders } from '../param-headers.ts'
import { isRequest, readLine } from './host-message.ts'
import type { Line } from './lines.ts'
import type { Output } from './output.ts'
import { createSendQueue } from './send-queue.ts'
import { isAcknowledgement, LISTEN, type Subscription, subscriptionOf } from './subscriptions.ts'

/** Requests in flight at the same time. Each holds an environment, and a socket here. */
const MAX_IN_FLIGHT = 100

/** Passes JSON-RPC messages between a host on stdio and a gateway, as they are. */
export interface Bridge {
  receive(line: Line): void
  deliver(message: JsonRpcMessage): void
  /** The host has read what was written: send what waits. */
  resume(): void
  /** Nothing more should be read from the host for now. */
  readonly isFull: boolean
}

interface BridgeOptions {
  connection: Connection
  output: Output
  log: Log
  /** What to do about an error, where there is something better than its own hint. */
  hintFor(error: unknown): Promise<string | undefined>
  /** A request without a response after this time fails. */
  timeoutMs?: number | undefined
  /** `isFull` was true, and is no longer. */
  onSpace(): void
}

/** A request of the host that has no response yet. */
interface Pending {
  readonly id: RequestId
  readonly message: JsonRpcMessage
  readonly respond: (text: string | undefined) => void
  /** Ends the request upstream, where its protocol version has no other way to cancel. */
  readonly cancel: AbortController
  /** Resolves when it is over. */
  readonly over: Promise<void>
  readonly end: () => void
  readonly subscription: Subscription | undefined
  isSent: boolean
  timer?: NodeJS.Timeout
}

export function createBridge(options: BridgeOptions): Bridge {
  const { connection, output, log, hintFor, timeoutMs, onSpace } = options
  const pending = new Map<RequestId, Pending>()
  const params = createParamHeaders()
  let inFlight = 0
  const queue = createSendQueue(() => inFlight >= MAX_IN_FLIGHT || output.isFull, onSpace)

  return {
    receive(line) {
      const { messages, isBatch } = readLine(line)
      const count = messages.filter(it => 'refusal' in it || isRequest(it.message)).length
      const respond = isBatch ? batchOf(count) : single
      for (const it of messages)
        if ('refusal' in it) respond(it.refusal)
        else accept(it.message, it.text, respond)
    },
    deliver(message) {
      const { id, method } = message
      if (method === undefined) {
        const it = id === undefined ? undefined : pending.get(id)
        if (!it) return log.debug('A response came for no request of the host')
        if (it.message.method === 'tools/list') params.learn(message.result)
        return settle(it, receivedText(message))
      }
      if (isAcknowledgement(message)) {
        const it = [...pending.values()].find(({ subscription }) => subscription?.owns(message))
        const missed = it?.subscription?.acknowledge(message)
        if (missed) return missed.forEach(text => void output.write(text))
      }
      output.write(receivedText(message))
    },
    resume: () => queue.pump(),
    get isFull() {
      return queue.isFull
    },
  }

  function single(text: string | undefined) {
    if (text !== undefined) output.write(text)
  }

  /** The responses to a batch are one array: https://www.jsonrpc.org/specification#batch */
  function batchOf(count: number) {
    const texts: string[] = []
    let left = count
    return (text: string | undefined) => {
      if (text !== undefined) texts.push(text)
      if (--left === 0 && texts.length > 0) output.write(`[${texts.join(',')}]`)
    }
  }

  function accept(message: JsonRpcMessage, text: string, respond: Pending['respond']) {
    if (isRequest(message)) {
      const { id } = message
      if (pending.has(id))
        return respond(errorResponse(null, INVALID_REQUEST, `The id ${id} is of an open request`))
      const it = toPending(id, message, respond)
      pending.set(id, it)
      return queue.push(text, () => sendRequest(it))
    }
    const cancelled = cancelledIdOf(message)
    if (cancelled !== undefined) return cancel(pending.get(cancelled), message)
    // The server may wait for a response while all requests wait for the server.
    if (message.method === undefined) return void sendOneWay(message)
    // What the host writes after a notification may depend on it.
    queue.push(text, () => sendOneWay(message))
  }

  function toPending(id: RequestId, message: JsonRpcMessage, respond: Pending['respond']): Pending {
    let end = () => {}
    const over = new Promise<void>(resolve => {
      end = resolve
    })
    const subscription =
      message.method === LISTEN && isStateless(message) ? subscriptionOf(id) : undefined
    const cancel = new AbortController()
    return { id, message, respond, cancel, over, end, subscription, isSent: false }
  }

  function sendRequest(it: Pending): Promise<void> | undefined {
    if (pending.get(it.id) !== it) return undefined // cancelled while it waited
    it.isSent = true
    const { method } = it.message
    log.debug(`→ ${method}`)
    if (it.subscription) return void listen(it, it.subscription)
    inFlight++
    if (timeoutMs) it.timer = setTimeout(() => expire(it), timeoutMs)
    const send = async () => {
      const headers = method === 'tools/call' ? params.headersOf(it.message) : {}
      await connection.send(it.message, { headers, requestSignal: it.cancel.signal })
    }
    send().catch(error => fail(it, error))
    // Other messages belong to the session that this one begins.
    return method === 'initialize' ? it.over : undefined
  }

  async function sendOneWay(message: JsonRpcMessage) {
    log.debug(`→ ${message.method ?? 'response'}`)
    try {
      await connection.send(message)
    } catch (error) {
      log.warn(`Not delivered: ${message.method ?? 'a response'}. ${(error as Error).message}`)
    }
  }

  /**
   * Opens the stream of a subscription again when it breaks, until the server or the host ends it.
   */
  async function listen(it: Pending, subscription: Subscription) {
    const { signal } = it.cancel
    for (let failures = 0; pending.get(it.id) === it; failures++) {
      const openedAt = Date.now()
      try {
        const streamEnd = new Promise<void>((resolve, reject) => {
          const sendOptions = { requestSignal: signal, onRequestStreamEnd: resolve }
          connection.send(it.message, sendOptions).catch(reject)
        })
        await unlessAborted(streamEnd, signal)
      } catch (error) {
        if (!subscription.isAcknowledged) return fail(it, error)
        log.info(`A subscription is interrupted: ${(error as Error).message}`)
      }
      if (pending.get(it.id) !== it) return
      if (!subscription.isAcknowledged) return fail(it, endedAtOnce())
      if (Date.now() - openedAt > STABLE_MS) failures = 0
      await sleep(reconnectDelay(failures), undefined, { signal }).catch(() => {}) // see the loop
    }
  }

  function settle(it: Pending, text: string | undefined) {
    if (pending.get(it.id) !== it) return
    pending.delete(it.id)
    clearTimeout(it.timer)
    if (it.isSent && !it.subscription) inFlight--
    it.respond(text)
    it.end()
    queue.pump()
  }

  async function fail(it: Pending, error: unknown) {
    if (pending.get(it.id) !== it) return
    const hint = await hintFor(error)
    log.info(`${it.message.method} failed: ${(error as Error).message}`)
    settle(it, failureResponse(it.id, error, hint))
  }

  function expire(it: Pending) {
    cancel(it, cancellation(it.id, 'The time limit of the bridge is over'), () =>
      errorResponse(it.id, REQUEST_TIMEOUT, `No response within ${timeoutMs} ms (--timeout)`),
    )
  }

  /** A request that is cancelled gets no response, unless the bridge cancels it. */
  function cancel(
    it: Pending | undefined,
    message: JsonRpcMessage,
    response = () => undefined as string | undefined,
  ) {
    if (!it) return
    settle(it, response())
    if (!it.isSent) return
    if (isStateless(it.message)) it.cancel.abort()
    else void sendOneWay(message)
  }
}

const endedAtOnce = () =>
  new ClientError('connection_closed', 'The stream of the subscription ended before it began')

const STABLE_MS = 5_000

const isStateless = (message: JsonRpcMessage) =>
  (protocolVersionOf(message) ?? '') >= STATELESS_VERSION

const cancellation = (requestId: RequestId, reason: string): JsonRpcMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId, reason },
})
