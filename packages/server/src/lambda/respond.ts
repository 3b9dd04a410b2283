import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'

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
 * Writes a web response to a Lambda response stream. `pipeline` waits when the stream is full, and
 * cancels the body when the stream breaks.
 */
export async function respond(response: Response, stream: Writable, runtime: StreamingRuntime) {
  const out = runtime.HttpResponseStream.from(stream, {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
  })
  await pipeline(response.body ? Readable.fromWeb(response.body as ReadableStream) : oneByte(), out)
}

// Lambda sends status and headers with the first byte of the body. Without a byte the client waits.
// https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/95
const oneByte = () => Readable.from(['\n'])
