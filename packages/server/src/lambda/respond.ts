import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'

import type { HttpResponse, TextResponse } from '../http/http-request.ts'

/** Response streaming of the Lambda runtime: the global `awslambda`. */
export interface StreamingRuntime {
  streamifyResponse<Handler>(handler: Handler): Handler
  HttpResponseStream: {
    from(
      stream: Writable,
      metadata: { statusCode: number; headers: Record<string, string> },
    ): Writable
  }
}

/**
 * Writes a response to a Lambda response stream. A complete one is one write. `pipeline` waits when
 * the stream is full, and cancels the body when the stream breaks.
 */
export async function respond(response: HttpResponse, stream: Writable, runtime: StreamingRuntime) {
  if ('writeTo' in response) {
    const { status: statusCode, headers } = response
    return response.writeTo(runtime.HttpResponseStream.from(stream, { statusCode, headers }))
  }
  if (isText(response)) {
    const { status: statusCode, headers, text } = response
    const out = runtime.HttpResponseStream.from(stream, {
      statusCode,
      headers: text === '' ? { ...NO_EVENTS, ...headers } : headers,
    })
    return writeAll(text || '\n', out)
  }
  const out = runtime.HttpResponseStream.from(stream, {
    statusCode: response.status,
    headers: { ...(!response.body && NO_EVENTS), ...Object.fromEntries(response.headers) },
  })
  await pipeline(neverEmpty(response.body as ReadableStream<Uint8Array> | null), out)
}

/**
 * Not `instanceof Response`: Node loads its fetch where `Response` is first named, in 20 ms of
 * processor time.
 */
const isText = (response: TextResponse | Response): response is TextResponse =>
  typeof response.text === 'string'

/** `end` alone would not send the status and the headers. */
const writeAll = (text: string, out: Writable) =>
  new Promise<void>((resolve, reject) => {
    out.once('error', reject)
    out.once('close', resolve)
    out.write(text)
    out.end(resolve)
  })

/**
 * The body, or a line end where it ends without a byte: Lambda sends status and headers with the
 * first byte, and without one the client waits. JSON and event streams may have empty lines.
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/95
 */
async function* neverEmpty(body: ReadableStream<Uint8Array> | null) {
  let isEmpty = true
  for await (const chunk of body ?? []) {
    if (chunk.length === 0) continue
    isEmpty = false
    yield chunk
  }
  if (isEmpty) yield Buffer.from('\n')
}

// A Function URL says "application/octet-stream" where a response has no content type. Strict
// clients of `/mcp` accept JSON and event streams only, also with 202. One line break is no event.
const NO_EVENTS = { 'content-type': 'text/event-stream' }
