import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { finished, PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { listen } from './http-server.ts'
import {
  type FunctionError,
  type Invocation,
  RESPONSE_LIMIT,
  type Reply,
  tooLarge,
} from './invocation.ts'

/** The server that one function process talks to: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html */
export interface RuntimeApi {
  /** `host:port`, as the process gets it. */
  address: string
  /** Hands an event to the process, which must be waiting for one. */
  deliver(invocation: Invocation, deadline: number): Promise<Reply>
  /** Once the process has ended: answers what it left unanswered. False when there was nothing. */
  abandon(error: FunctionError): Promise<boolean>
  close(): void
}

export interface RuntimeEvents {
  /** The process waits for its next event and owes nothing of the last one, so it may be frozen. */
  onIdle(): void
  onInitError(error: FunctionError): void
  /** The process cut a response short. Asks why. */
  onCut(): Promise<FunctionError>
}

interface Exchange {
  requestId: string
  answer(reply: Reply): void
  state: 'running' | 'answering' | 'answered' | 'failed'
}

export async function startRuntimeApi(events: RuntimeEvents): Promise<RuntimeApi> {
  let waiting: ServerResponse | undefined
  let current: Exchange | undefined

  // An error's stack comes in a trailer, and trailers are headers.
  const server = createServer({ maxHeaderSize: 4 * 1024 * 1024 }, (request, response) => {
    const path = request.url?.replace('/2018-06-01/runtime', '')
    const [, id, verb] = /^\/invocation\/([^/]+)\/(response|error)$/.exec(path ?? '') ?? []
    if (request.method === 'GET' && path === '/invocation/next') return next(response)
    if (path === '/init/error') return void initError(request, response)
    if (!current || id !== current.requestId || current.state !== 'running')
      return refuse(response, id)
    if (verb === 'error') return void failed(current, request, response)
    if (request.headers['lambda-runtime-function-response-mode'] === 'streaming')
      return streaming(current, request, response)
    return buffered(current, request, response)
  })
  const connections = new Set<Promise<unknown>>()
  server.on('connection', socket => {
    const closed = new Promise(resolve => socket.once('close', resolve))
    connections.add(closed)
    void closed.then(() => connections.delete(closed))
  })
  // A streamed response is one request, which may take as long as the function.
  server.requestTimeout = 0
  server.headersTimeout = 0

  const port = await listen(server)

  return {
    address: `127.0.0.1:${port}`,
    deliver,
    abandon,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }

  function next(response: ServerResponse) {
    waiting = response
    settle()
  }

  function settle() {
    if (!waiting || (current?.state ?? 'answered') !== 'answered') return
    current = undefined
    events.onIdle()
  }

  function deliver(invocation: Invocation, deadline: number): Promise<Reply> {
    return new Promise(answer => {
      current = { requestId: invocation.requestId, answer, state: 'running' }
      waiting?.writeHead(200, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(invocation.event),
        'Lambda-Runtime-Aws-Request-Id': invocation.requestId,
        'Lambda-Runtime-Deadline-Ms': String(deadline),
        'Lambda-Runtime-Invoked-Function-Arn': invocation.functionArn,
        'Lambda-Runtime-Trace-Id': invocation.traceId,
        ...(invocation.clientContext && {
          'Lambda-Runtime-Client-Context': ascii(invocation.clientContext),
        }),
      })
      waiting?.end(invocation.event)
      waiting = undefined
    })
  }

  async function initError(request: IncomingMessage, response: ServerResponse) {
    events.onInitError(await functionError(request))
    accepted(response)
  }

  async function failed(exchange: Exchange, request: IncomingMessage, response: ServerResponse) {
    exchange.state = 'answering'
    const error = await functionError(request)
    exchange.answer({ type: 'error', error })
    finish(exchange, response)
  }

  function buffered(exchange: Exchange, request: IncomingMessage, response: ServerResponse) {
    exchange.state = 'answering'
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= RESPONSE_LIMIT) chunks.push(chunk)
    })
    finished(request, async cut => {
      if (cut) exchange.answer({ type: 'error', error: await cutShort(exchange) })
      else if (size > RESPONSE_LIMIT) exchange.answer({ type: 'error', error: tooLarge(size) })
      else exchange.answer({ type: 'buffered', body: Buffer.concat(chunks) })
      finish(exchange, response)
    })
  }

  function streaming(exchange: Exchange, request: IncomingMessage, response: ServerResponse) {
    exchange.state = 'answering'
    const body = new PassThrough()
    const failure = new Promise<FunctionError | undefined>(resolve => {
      // Not `pipeline`: what arrived before the process was killed still goes to the client.
      request.pipe(body, { end: false })
      finished(request, async cut => {
        resolve(cut ? await cutShort(exchange) : trailingError(request))
        body.end()
        finish(exchange, response)
      })
    })
    const contentType = request.headers['content-type'] ?? 'application/octet-stream'
    exchange.answer({ type: 'stream', contentType, body, failure })
  }

  function cutShort(exchange: Exchange) {
    exchange.state = 'failed'
    return events.onCut()
  }

  function finish(exchange: Exchange, response: ServerResponse) {
    if (exchange.state === 'failed') return
    exchange.state = 'answered'
    accepted(response)
    settle()
  }

  async function abandon(error: FunctionError) {
    // What the process sent before it ended may still be on its way to us.
    await Promise.all(connections)
    if (current?.state === 'running') current.answer({ type: 'error', error })
    return current?.state === 'running' || current?.state === 'failed'
  }
}

/** What the trailers of a streamed response say of an exception in the handler. */
function trailingError({ trailers }: IncomingMessage): FunctionError | undefined {
  const type = trailers['lambda-runtime-function-error-type']
  if (!type) return undefined
  const body = trailers['lambda-runtime-function-error-body'] ?? ''
  return toFunctionError(Buffer.from(body, 'base64').toString(), type)
}

async function functionError(request: IncomingMessage): Promise<FunctionError> {
  const type = request.headers['lambda-runtime-function-error-type']?.toString()
  return toFunctionError(await text(request).catch(() => ''), type)
}

/** The text comes from the function's process, which may send anything. */
function toFunctionError(body: string, type = 'Runtime.Unknown'): FunctionError {
  try {
    const { errorType = type, errorMessage = '', trace } = JSON.parse(body)
    return { errorType, errorMessage, ...(trace && { trace }) }
  } catch {
    return { errorType: type, errorMessage: body }
  }
}

function accepted(response: ServerResponse) {
  response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"status":"OK"}\n')
}

function refuse(response: ServerResponse, id = '') {
  const errorMessage = `No response to "${id}" is expected`
  response
    .writeHead(400, { 'Content-Type': 'application/json' })
    .end(JSON.stringify({ errorType: 'InvalidRequestID', errorMessage }))
}

/** JSON text that may stand in a header. */
const ascii = (text: string) =>
  text.replace(/[^\x20-\x7e]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
