import type { Writable } from 'node:stream'

/** The stream that the Lambda runtime passes to a streaming handler. */
export interface ResponseStream extends Writable {
  setContentType(type: string): void
}

/** The part of a Lambda context that the test functions read. */
export interface Context {
  awsRequestId: string
  getRemainingTimeInMillis(): number
  tenantId?: string
  clientContext?: { custom?: { mcp?: { name?: string } } }
}

interface Runtime {
  streamifyResponse<Event>(
    handler: (event: Event, stream: ResponseStream, context: Context) => unknown,
  ): (event: Event, stream: ResponseStream, context: Context) => Promise<void>
  HttpResponseStream: {
    from(
      stream: ResponseStream,
      head: { statusCode: number; headers?: Record<string, string>; cookies?: string[] },
    ): ResponseStream
  }
}

declare global {
  /** Set by the Lambda runtime for nodejs, and by the local gateway. */
  var awslambda: Runtime
}
