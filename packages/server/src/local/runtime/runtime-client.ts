import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

import { type FormattedError, headerText } from './errors.ts'
import { type StreamedResponse, streamedResponse } from './response-stream.ts'

/** One event with its context, from `GET /next`. */
export interface Invocation {
  requestId: string
  functionArn: string
  /** Epoch milliseconds. */
  deadline: number
  traceId: string | undefined
  /** JSON text. */
  clientContext: string | undefined
  /** JSON text. */
  identity: string | undefined
  tenantId: string | undefined
  /** JSON text. */
  event: string
}

/** A client of the Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */
export interface RuntimeClient {
  next(): Promise<Invocation>
  respond(requestId: string, json: string): Promise<void>
  error(requestId: string, error: FormattedError): Promise<void>
  initError(error: FormattedError): Promise<void>
  stream(requestId: string): StreamedResponse
}

export function runtimeClient(api: string): RuntimeClient {
  const [hostname = '', port] = api.split(':')
  // One socket only. On a second socket `/next` could overtake the last bytes of a response, and
  // the process would be frozen before they are sent.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })

  return {
    async next() {
      const response = await responseTo(send('GET', '/invocation/next').end()).catch(() =>
        // The gateway has ended.
        process.exit(1),
      )
      const header = (name: string) => response.headers[`lambda-runtime-${name}`]?.toString()
      return {
        requestId: header('aws-request-id') ?? '',
        functionArn: header('invoked-function-arn') ?? '',
        deadline: Number(header('deadline-ms')),
        traceId: header('trace-id'),
        clientContext: header('client-context'),
        identity: header('cognito-identity'),
        tenantId: header('aws-tenant-id'),
        event: await text(response),
      }
    },
    respond: (requestId, json) => post(`/invocation/${requestId}/response`, json),
    error: (requestId, error) => post(`/invocation/${requestId}/error`, JSON.stringify(error)),
    initError: error =>
      post('/init/error', JSON.stringify(error), {
        'Lambda-Runtime-Function-Error-Type': headerText(error.errorType),
      }),
    stream: requestId =>
      streamedResponse(
        headers => send('POST', `/invocation/${requestId}/response`, headers),
        responseTo,
      ),
  }

  async function post(path: string, json: string, headers: Record<string, string> = {}) {
    const request = send('POST', path, {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(json)),
      ...headers,
    })
    await text(await responseTo(request.end(json)))
  }

  function send(
    method: string,
    path: string,
    headers: Record<string, string | string[]> = {},
  ): ClientRequest {
    return request({
      agent,
      hostname,
      port,
      method,
      headers,
      path: `/2018-06-01/runtime${path}`,
    }).once('socket', socket => {
      if (socket.listenerCount('close', endWithoutServer) === 0)
        socket.once('close', endWithoutServer)
    })
  }

  /**
   * Ends this process when the Runtime API has ended. The Runtime API never closes a
   * connection, so a closed one is the sign.
   */
  function endWithoutServer() {
    const probe = connect(Number(port), hostname)
    probe.once('error', () => process.exit(1)).once('connect', () => probe.destroy())
  }
}

function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).once('error', reject)
  })
}
