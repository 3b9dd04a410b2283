import type { ResponseStream } from './response-stream.ts'

export const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')

const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response'

/** Sets `globalThis.awslambda` with `streamifyResponse` and `HttpResponseStream`. */
export function installGlobals() {
  if (/^(1|true)$/.test(process.env['AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA'] ?? '')) return
  const scope = globalThis as { awslambda?: object }
  scope.awslambda = { ...scope.awslambda, streamifyResponse, HttpResponseStream: { from } }
}

function streamifyResponse<Handler extends object>(
  handler: Handler,
  options?: { highWaterMark?: number },
): Handler {
  const mark = options?.highWaterMark
  return Object.assign(handler, {
    [STREAMING]: 'response',
    ...(typeof mark === 'number' && { [HIGH_WATER_MARK]: Math.trunc(mark) }),
  })
}

/** Returns the same stream. Status and headers are sent before its first `write()`. */
function from(stream: ResponseStream, metadata: unknown): ResponseStream {
  stream.setContentType(PRELUDE_TYPE)
  const prelude = JSON.stringify(metadata)
  stream._onBeforeFirstWrite = write => {
    write(prelude)
    write(new Uint8Array(8))
  }
  return stream
}
