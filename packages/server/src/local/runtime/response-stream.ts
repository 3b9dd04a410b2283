import type { ClientRequest, IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'

import type { FormattedError } from './errors.ts'

/** What a streaming handler gets as its second argument. */
export interface ResponseStream {
  write(chunk: unknown, ...rest: unknown[]): boolean
  setContentType(type: string): void
  /** Runs once, before the first `write()`; `end()` alone does not run it, here as on Lambda. */
  _onBeforeFirstWrite?: (write: (chunk: string | Uint8Array) => boolean) => void
}

export interface StreamedResponse {
  stream: ResponseStream
  /** Settles when the Runtime API has taken the whole response; rejects when the stream was not ended. */
  acknowledged: Promise<void>
  /** Ends the response with the error in its trailers. Without effect on one that has ended. */
  fail(error: FormattedError): Promise<void>
}

const HEADERS = {
  'Lambda-Runtime-Function-Response-Mode': 'streaming',
  Trailer: ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'],
  'Content-Type': 'application/octet-stream',
  'Transfer-Encoding': 'chunked',
}

/** A streamed response is one chunked POST, whose head leaves with the first byte or with the end. */
export function streamedResponse(
  post: (headers: Record<string, string | string[]>) => ClientRequest,
  answered: (request: ClientRequest) => Promise<IncomingMessage>,
): StreamedResponse {
  const request = post(HEADERS)
  const acknowledged = answered(request).then(async response => {
    await text(response)
    if (!request.writableFinished) throw new Error('Response stream is not finished.')
  })
  // It is awaited only once the handler has returned; a failure before that waits for it.
  acknowledged.catch(() => {})

  return { stream: exposed(request), acknowledged, fail }

  async function fail(error: FormattedError) {
    if (!request.writableEnded && !request.destroyed) {
      request.addTrailers({
        'Lambda-Runtime-Function-Error-Type': error.errorType,
        'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(error)).toString('base64'),
      })
      request.end()
    }
    // Lambda's own client asks for the next event without waiting and may be frozen with the trailers unsent.
    await acknowledged.catch(() => {
      // the connection is gone, and with it whoever would have been told
    })
  }
}

/** Lambda hands out no more of the request than this, so code that needs more has to fail here too. */
function exposed(request: ClientRequest): ResponseStream {
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
