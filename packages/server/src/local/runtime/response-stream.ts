import type { ClientRequest, IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'

import { type FormattedError, headerText } from './errors.ts'

/** The second argument of a streaming handler. */
export interface ResponseStream {
  write(chunk: unknown, ...rest: unknown[]): boolean
  setContentType(type: string): void
  /** Runs once, before the first `write()`. As on Lambda, `end()` alone does not run it. */
  _onBeforeFirstWrite?: (write: (chunk: string | Uint8Array) => boolean) => void
}

export interface StreamedResponse {
  stream: ResponseStream
  /** Prepares the request, if nothing was written yet: while the handler waits, that is free. */
  open(): void
  /** Resolves when the Runtime API has the whole response. Rejects if the stream was not ended. */
  acknowledged(): Promise<void>
  /** Ends the response with the error in its trailers. Has no effect on an ended response. */
  fail(error: FormattedError): Promise<void>
}

const HEADERS = {
  'Lambda-Runtime-Function-Response-Mode': 'streaming',
  Trailer: ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'],
  'Content-Type': 'application/octet-stream',
  'Transfer-Encoding': 'chunked',
}

/** A streamed response is one chunked POST. Its headers are sent with the first byte or the end. */
export function streamedResponse(
  post: (headers: Record<string, string | string[]>) => ClientRequest,
  responseTo: (request: ClientRequest) => Promise<IncomingMessage>,
): StreamedResponse {
  let opened: { request: ClientRequest; acknowledged: Promise<void> } | undefined

  return {
    stream: new LambdaStream(() => open().request),
    open: () => void open(),
    acknowledged: () => open().acknowledged,
    fail,
  }

  function open() {
    if (opened) return opened
    const request = post(HEADERS)
    const acknowledged = responseTo(request).then(async response => {
      await text(response)
      if (!request.writableFinished) throw new Error('Response stream is not finished.')
    })
    // Awaited only after the handler has returned. An earlier rejection must not be unhandled.
    acknowledged.catch(() => {})
    opened = { request, acknowledged }
    return opened
  }

  async function fail(error: FormattedError) {
    const { request, acknowledged } = open()
    if (!request.writableEnded && !request.destroyed) {
      request.addTrailers({
        'Lambda-Runtime-Function-Error-Type': headerText(error.errorType),
        'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(error)).toString('base64'),
      })
      request.end()
    }
    // Wait for the trailers to be sent. Lambda's own client does not, and may be frozen before.
    await acknowledged.catch(() => {
      // The connection is closed, so the error cannot be reported.
    })
  }
}

const METHODS = [
  ...['cork', 'uncork', 'end', 'destroy'],
  ...['on', 'once', 'off', 'emit', 'addListener', 'removeListener', 'removeAllListeners'],
  ...['prependListener', 'prependOnceListener', 'listeners', 'rawListeners', 'listenerCount'],
  ...['eventNames', 'setMaxListeners', 'getMaxListeners'],
] as const satisfies (keyof ClientRequest)[]
const PROPERTIES = [
  ...['writable', 'writableEnded', 'writableFinished', 'writableNeedDrain', 'writableLength'],
  ...['writableHighWaterMark', 'writableCorked', 'writableObjectMode', 'destroyed'],
] as const satisfies (keyof ClientRequest)[]

const REQUEST = Symbol('request')

/**
 * The members that Lambda's stream has. Code that uses others fails here too. They are on the
 * prototype: thirty new ones for each response take longer than most handlers.
 */
class LambdaStream implements ResponseStream {
  readonly #open: () => ClientRequest
  _onBeforeFirstWrite?: NonNullable<ResponseStream['_onBeforeFirstWrite']>
  #written = false

  constructor(open: () => ClientRequest) {
    this.#open = open
  }

  get [REQUEST](): ClientRequest {
    return this.#open()
  }

  write(chunk: unknown, ...rest: unknown[]): boolean {
    const request = this[REQUEST]
    const send = request.write.bind(request) as (...args: unknown[]) => boolean
    if (!this.#written) this._onBeforeFirstWrite?.(send)
    this.#written = true
    return send(isBytes(chunk) ? chunk : JSON.stringify(chunk), ...rest)
  }

  setContentType(type: string): void {
    if (this.#written) throw tooLate()
    this[REQUEST].setHeader('Content-Type', type)
  }
}

for (const name of METHODS)
  Object.defineProperty(LambdaStream.prototype, name, {
    value(this: LambdaStream, ...args: unknown[]) {
      const request = this[REQUEST]
      return (request[name] as (...args: unknown[]) => unknown).apply(request, args)
    },
  })
for (const name of PROPERTIES)
  Object.defineProperty(LambdaStream.prototype, name, {
    get(this: LambdaStream) {
      return this[REQUEST][name]
    },
  })

const isBytes = (chunk: unknown) => typeof chunk === 'string' || chunk instanceof Uint8Array

const tooLate = () =>
  Object.assign(new Error('Cannot set content-type, too late.'), {
    name: 'Runtime.InvalidStreamingOperation',
  })
