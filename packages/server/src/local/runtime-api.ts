import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { finished, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

import { isRecord } from '../is-record.ts'
import { listen } from './http-server.ts'
import {
  type FunctionError,
  type FunctionOutput,
  type Invocation,
  RESPONSE_LIMIT,
  tooLarge,
} from './invocation.ts'

/**
 * The Runtime API of one execution environment: the server that its process talks to.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export interface RuntimeApi {
  /** `host:port`, for the process. */
  address: string
  /** Sends an event to the process, which must be waiting for one. `deadline` is in epoch ms. */
  deliver(invocation: Invocation, deadline: number): Promise<FunctionOutput>
  /**
   * Call it when the process has ended. Fails the invocation that was running; false if there was
   * none.
   */
  abandon(error: FunctionError): Promise<boolean>
  /** Whether the process has sent its response, and does not wait for its next event yet. */
  hasResponded(): boolean
  close(): void
}

export interface RuntimeApiEvents {
  /** The process waits for its next event and has sent its whole last response. Freeze it now. */
  onIdle(): void
  onInitError(error: FunctionError): void
  /** A response ended too early. Resolves with the reason. */
  onTruncatedOutput(): Promise<FunctionError>
}

interface RunningInvocation {
  requestId: string
  resolve(output: FunctionOutput): void
  state: 'running' | 'responding' | 'done' | 'truncated'
}

export async function startRuntimeApi(events: RuntimeApiEvents): Promise<RuntimeApi> {
  let waiting: ServerResponse | undefined
  let current: RunningInvocation | undefined

  // The stack of an error comes in a trailer, and trailers count as headers.
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
  // A streamed response is one request that may last as long as the function.
  server.requestTimeout = 0
  server.headersTimeout = 0

  const port = await listen(server)

  return {
    address: `127.0.0.1:${port}`,
    deliver,
    abandon,
    hasResponded: () => current?.state === 'done',
    close() {
      server.close()
      server.closeAllConnections()
    },
  }

  function next(response: ServerResponse) {
    waiting = response
    becomeIdle()
  }

  function becomeIdle() {
    if (!waiting || (current?.state ?? 'done') !== 'done') return
    current = undefined
    events.onIdle()
  }

  function deliver(invocation: Invocation, deadline: number): Promise<FunctionOutput> {
    return new Promise(resolve => {
      current = { requestId: invocation.requestId, resolve, state: 'running' }
      waiting?.writeHead(200, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(invocation.event),
        'Lambda-Runtime-Aws-Request-Id': invocation.requestId,
        'Lambda-Runtime-Deadline-Ms': String(deadline),
        'Lambda-Runtime-Invoked-Function-Arn': invocation.functionArn,
        'Lambda-Runtime-Trace-Id': invocation.traceId,
        ...(invocation.clientContext && {
          'Lambda-Runtime-Client-Context': asciiJson(invocation.clientContext),
        }),
        ...(invocation.tenantId && { 'Lambda-Runtime-Aws-Tenant-Id': invocation.tenantId }),
      })
      waiting?.end(invocation.event)
      waiting = undefined
    })
  }

  async function initError(request: IncomingMessage, response: ServerResponse) {
    events.onInitError(await functionError(request))
    accepted(response)
  }

  async function failed(
    invocation: RunningInvocation,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    invocation.state = 'responding'
    const error = await functionError(request)
    invocation.resolve({ type: 'error', error })
    finish(invocation, response)
  }

  function buffered(
    invocation: RunningInvocation,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    invocation.state = 'responding'
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= RESPONSE_LIMIT) chunks.push(chunk)
    })
    finished(request, async truncation => {
      if (truncation) invocation.resolve({ type: 'error', error: await truncated(invocation) })
      else if (size > RESPONSE_LIMIT) invocation.resolve({ type: 'error', error: tooLarge(size) })
      else invocation.resolve({ type: 'buffered', body: Buffer.concat(chunks) })
      finish(invocation, response)
    })
  }

  function streaming(
    invocation: RunningInvocation,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    invocation.state = 'responding'
    const body = new Readable({ read: () => void request.resume() })
    request.on('data', chunk => {
      if (!body.push(chunk)) request.pause()
    })
    const failure = new Promise<FunctionError | undefined>(resolve => {
      const end = async (isTruncated: boolean) => {
        resolve(isTruncated ? await truncated(invocation) : trailingError(request))
        body.push(null)
        finish(invocation, response)
      }
      request.on('error', () => {}) // what arrived before the process was killed is passed on
      request.once('close', () => void (request.readableEnded || end(true)))
      request.once('end', () => void end(false))
    })
    const contentType = request.headers['content-type'] ?? 'application/octet-stream'
    invocation.resolve({ type: 'stream', contentType, body, failure })
  }

  function truncated(invocation: RunningInvocation) {
    invocation.state = 'truncated'
    return events.onTruncatedOutput()
  }

  function finish(invocation: RunningInvocation, response: ServerResponse) {
    if (invocation.state === 'truncated') return
    invocation.state = 'done'
    accepted(response)
    becomeIdle()
  }

  async function abandon(error: FunctionError) {
    // Bytes that the process sent before its end may still be in its connections.
    await Promise.all(connections)
    if (current?.state === 'running') current.resolve({ type: 'error', error })
    return current?.state === 'running' || current?.state === 'truncated'
  }
}

/** The error in the trailers of a streamed response. */
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

/** The body comes from the function's process, which may send anything. */
function toFunctionError(body: string, type = 'Runtime.Unknown'): FunctionError {
  const sent = parseJson(body)
  if (!isRecord(sent)) return { errorType: type, errorMessage: body }
  const { errorType = type, errorMessage = '', trace, stackTrace } = sent
  return {
    errorType: String(errorType),
    errorMessage: String(errorMessage),
    ...(Array.isArray(trace) && { trace: trace.map(String) }),
    ...(Array.isArray(stackTrace) && { stackTrace: stackTrace.map(String) }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Only a runtime other than ours sends something else.
    return undefined
  }
}

function accepted(response: ServerResponse) {
  response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"status":"OK"}\n')
}

function refuse(response: ServerResponse, id = '') {
  const errorMessage = `No invocation "${id}" is waiting for a response`
  response
    .writeHead(400, { 'Content-Type': 'application/json' })
    .end(JSON.stringify({ errorType: 'InvalidRequestID', errorMessage }))
}

/** JSON text that is valid in a header. */
const asciiJson = (text: string) =>
  text.replace(/[^\x20-\x7e]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
