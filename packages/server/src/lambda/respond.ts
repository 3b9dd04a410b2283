import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'

/** The runtime's streaming half, a global inside Lambda. */
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
 * Sends a web response down a Lambda response stream. `pipeline` waits when the stream is full and
 * cancels the body when it breaks.
 */
export async function respond(response: Response, stream: Writable, runtime: StreamingRuntime) {
  const out = runtime.HttpResponseStream.from(stream, {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
  })
  await pipeline(response.body ? Readable.fromWeb(response.body as ReadableStream) : oneByte(), out)
}

// Status and headers leave with the first byte of the body. No byte, no response: the client waits.
// https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/95
const oneByte = () => Readable.from(['\n'])
