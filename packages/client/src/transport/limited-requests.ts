import { ClientError } from '../errors.ts'
import { sleep } from '../http/timers.ts'
import { cancelledIdOf, type JsonRpcMessage, type RequestId, requestIdOf } from '../jsonrpc.ts'
import { textToSend, withId } from '../message-text.ts'
import { callLimitIn, callLimitPause } from '../request/call-limit.ts'
import type { SendingOptions } from '../request/send.ts'
import type { AbortScope } from './abort-scope.ts'
import {
  createPendingRequests,
  outcomeUnknown,
  type PendingRequests,
  runHandler,
} from './pending-requests.ts'

/** The callbacks that an SDK sets on a transport. */
interface Client {
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: JsonRpcMessage) => void) | undefined
}

/** What concerns one attempt to send a request. */
interface AttemptOptions {
  requestSignal?: AbortSignal | undefined
  resumptionToken?: string | undefined
}

interface LimitedRequestsOptions<Options> extends Pick<SendingOptions, 'onPause'> {
  client: Client
  /** The URL of the server without its query, for messages. */
  name: string
  /** Sends a message as it is. */
  send(message: JsonRpcMessage, options: Options): Promise<void>
}

/**
 * Requests over a limit of the gateway. Where it says so in a JSON-RPC error, they wait and are
 * sent again, and the client gets the later response.
 */
export interface LimitedRequests<Options> {
  /** The requests as they are sent. */
  pending: PendingRequests
  /** Sends a message of the client. */
  send(message: JsonRpcMessage, options: Options): Promise<void>
}

/** A request of the client, which may be sent several times. */
interface Call<Options> {
  /** The id that the client gave it. */
  id: RequestId
  /** As it was sent last. */
  message: JsonRpcMessage
  options: Options
  begunAt: number
}

interface Pause<Options> {
  call: Call<Options>
  refusal: JsonRpcMessage
  scope: AbortScope
  /** Characters of the request. */
  size: number
}

/** Characters of all requests that wait. A further one gets its error. */
const MAX_WAITING = 32 * 1024 * 1024

export function createLimitedRequests<Options extends AttemptOptions>(
  given: LimitedRequestsOptions<Options>,
): LimitedRequests<Options> {
  const { client, name, onPause, send } = given
  /** By their messages. */
  const calls = new WeakMap<JsonRpcMessage, Call<Options>>()
  const pauses = new Set<Pause<Options>>()
  const pending = createPendingRequests({
    onmessage: receive,
    onerror: error => client.onerror?.(error),
    onclose() {
      // They did not run.
      for (const { refusal } of pauses) respond(refusal)
      pauses.clear()
      client.onclose?.()
    },
  })

  return {
    pending,
    async send(message, options) {
      const id = requestIdOf(message)
      if (id !== undefined) calls.set(message, { id, message, options, begunAt: Date.now() })
      const cancelled = cancelledIdOf(message)
      if (cancelled !== undefined && endPause(cancelled)) return
      await send(cancelled === undefined ? message : asSent(message, cancelled), options)
    },
  }

  function receive(received: JsonRpcMessage, request?: JsonRpcMessage) {
    const call = request && calls.get(request)
    if (!call) return client.onmessage?.(received)
    const response = received.id === call.id ? received : withId(received, call.id)
    const error = callLimitIn(response, name)
    const pauseMs = error && callLimitPause(error, Date.now() - call.begunAt)
    const size = pauseMs === undefined ? 0 : textToSend(call.message).length
    if (!error || pauseMs === undefined || !hasRoomFor(size)) return client.onmessage?.(response)
    const pause = {
      call,
      refusal: response,
      scope: pending.scope(call.options.requestSignal),
      size,
    }
    pauses.add(pause)
    void sendAgain(pause, pauseMs)
    onPause?.(error, pauseMs)
  }

  function hasRoomFor(size: number): boolean {
    let sum = size
    for (const it of pauses) sum += it.size
    return pauses.size === 0 || sum <= MAX_WAITING
  }

  /** Unless the request is cancelled, or the transport ends, during the pause. */
  async function sendAgain(pause: Pause<Options>, pauseMs: number) {
    const { call, refusal, scope } = pause
    await sleep(pauseMs, scope).catch(() => pauses.delete(pause))
    scope.release()
    if (!pauses.delete(pause)) return
    // The last id has had its response. With it, a session that recognizes repeated requests would
    // not run the request.
    const message = withId(call.message, `again-${crypto.randomUUID()}`)
    const options = { ...call.options, resumptionToken: undefined }
    calls.set(message, { ...call, message, options })
    try {
      await send(message, options)
    } catch (error) {
      const isOver = options.requestSignal?.aborted || pending.signal.aborted
      if (isOver || !calls.has(message)) return
      const didNotRun = error instanceof ClientError && error.retryable
      respond(didNotRun ? refusal : outcomeUnknown(call.id, 'stream', error as Error))
    }
  }

  /** The client has cancelled the request: it is not sent again. False where it does not wait. */
  function endPause(id: RequestId): boolean {
    const pause = [...pauses].find(it => it.call.id === id)
    if (!pause) return false
    pauses.delete(pause)
    pause.scope.abort(new ClientError('connection_closed', 'The request was cancelled'))
    return true
  }

  /** The cancellation with the id that the request was sent with last. */
  function asSent(message: JsonRpcMessage, cancelled: RequestId): JsonRpcMessage {
    const request = pending.all().find(it => calls.get(it)?.id === cancelled)
    if (!request || request.id === cancelled) return message
    calls.delete(request)
    return { ...message, params: { ...Object(message.params), requestId: request.id } }
  }

  function respond(response: JsonRpcMessage) {
    runHandler(() => client.onmessage?.(response))
  }
}
