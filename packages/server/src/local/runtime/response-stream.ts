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
  /** Resolves when the Runtime API has the whole response. Rejects if the stream was not ended. */
  acknowledged: Promise<void>
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
  const request = post(HEADERS)
  const acknowledged = responseTo(request).then(async response => {
    await text(response)
    if (!request.writableFinished) throw new Error('Response stream is not finished.')
  })
  // It is awaited only after the handler has returned. An earlier rejection must not be unhandled.
  acknowledged.catch(() => {})

  return { stream: lambdaStream(request), acknowledged, fail }

  async function fail(error: FormattedError) {
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

/** The members that Lambda's stream has. Code that uses others fails here too. */
function lambdaStream(request: ClientRequest): ResponseStream {
  const methods = [
    ...['cork', 'uncork', 'end', 'destroy'],
    ...['on', 'once', 'off', 'emit', 'addListener', 'removeListener', 'removeAllListeners'],
    ...['prependListener', 'prependOnceListener', 'listeners', 'rawListeners', 'listenerCount'],
    ...['eventNames', 'setMaxListeners', 'getMaxListeners'],
  ] as const satisfies (keyof ClientRequest)[]
  const properties = [
    ...['writable', 'writableEnded', 'writableFinished', 'writableNeedDrain', 'writableLength'],
    ...['writableHighWaterMark', 'writableCorked', 'writableObjectMode', 'destroyed'],
  ] as const satisfies (keyof ClientRequest)[]

  let written = false
  const stream: ResponseStream = {
    write(chunk, ...rest) {
      const send = request.write.bind(request) as (...args: unknown[]) => boolean
      if (!written) stream._onBeforeFirstWrite?.(send)
      written = true
      return send(isBytes(chunk) ? chunk : JSON.stringify(chunk), ...rest)
    },
    setContentType(type) {
      if (written) throw tooLate()
      request.setHeader('Content-Type', type)
    },
  }
  for (const name of methods)
    Object.assign(stream, { [name]: (request[name] as () => unknown).bind(request) })
  for (const name of properties) Object.defineProperty(stream, name, { get: () => request[name] })
  return stream
}

const isBytes = (chunk: unknown) => typeof chunk === 'string' || chunk instanceof Uint8Array

const tooLate = () =>
  Object.assign(new Error('Cannot set content-type, too late.'), {
    name: 'Runtime.InvalidStreamingOperation',
  })
