import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'

import { isRecord } from '../../is-record.ts'
import { forwardOutput } from '../forward-output.ts'
import { refuse } from '../http-server.ts'
import type { FunctionOutput } from '../invocation.ts'
import { holdBack } from './hold-back.ts'
import { PRELUDE_TYPE, type ResponseHead, readFirstChunk, readPrelude } from './response-prelude.ts'

export type InvokeMode = 'BUFFERED' | 'RESPONSE_STREAM'

type Warn = (message: string) => void

export interface SendOptions {
  /** Gets a message where the response on AWS would surprise the developer. */
  warn: Warn
  /** Deliver each chunk of a stream with the next one. */
  holdsBack: boolean
}

/**
 * Sends the output of a function to the HTTP client, as a Function URL with this invoke mode
 * does.
 */
export async function sendHttpResponse(
  output: FunctionOutput,
  mode: InvokeMode,
  response: ServerResponse,
  { warn, holdsBack }: SendOptions,
): Promise<void> {
  switch (output.type) {
    case 'throttled':
      return refuse(response, 429, 'TooManyRequestsException', { Message: 'Rate Exceeded.' })
    case 'error':
    // Only the gateway's own functions have a URL, and they isolate no tenants.
    case 'wrong-tenant':
      return sendBadGateway(response)
    case 'buffered':
      if (mode === 'BUFFERED') return sendBuffered(output.body, response, warn)
      warn(
        'The handler does not stream (without streamifyResponse) but InvokeMode is RESPONSE_STREAM: its output is the body, and status and headers are lost',
      )
      return send(response, 200, JSON_TYPE, output.body)
    case 'stream':
      if (mode === 'RESPONSE_STREAM') return sendStream(output, response, { warn, holdsBack })
      return sendStreamBuffered(output, response, warn)
  }
}

function sendBadGateway(response: ServerResponse) {
  send(response, 502, JSON_TYPE, 'Internal Server Error')
}

/** https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload */
function sendBuffered(output: Buffer, response: ServerResponse, warn: Warn) {
  const value = parse(output)
  if (value === undefined) return sendBadGateway(response)
  if (!isRecord(value) || !('statusCode' in value))
    return send(response, 200, JSON_TYPE, typeof value === 'string' ? value : output)

  const { body = '', isBase64Encoded } = value
  if (typeof body !== 'string') {
    warn(`The body of a response must be a string, not ${typeof body}`)
    return sendBadGateway(response)
  }
  if (!writeHead(response, value, 'application/json', warn)) return sendBadGateway(response)
  response.end(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'))
}

/** Undefined if the output is not JSON. Only a runtime other than ours sends such an output. */
function parse(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString())
  } catch {
    return undefined
  }
}

type StreamedOutput = Extract<FunctionOutput, { type: 'stream' }>

async function sendStream(
  { contentType, body, failure }: StreamedOutput,
  response: ServerResponse,
  { warn, holdsBack }: SendOptions,
) {
  const expectsHead = contentType === PRELUDE_TYPE
  const { head, rest } = expectsHead ? await readPrelude(body) : await readFirstChunk(body)
  if (expectsHead && !head)
    warn(
      'Status and headers are lost: call write() on the response stream before end(). end() alone does not send them',
    )
  if (rest.length === 0 && body.readableEnded && !head && (await failure))
    return sendBadGateway(response)

  if (!writeHead(response, head ?? {}, head ? 'application/octet-stream' : contentType, warn)) {
    body.resume()
    return sendBadGateway(response)
  }
  const sent = await (holdsBack ? sendHeldBack(rest, body, response) : sendAtOnce())
  const error = await failure
  if (sent === 0 && !error)
    warn(
      'The body of the streamed response is empty: on AWS the client may wait for it; write at least one byte',
    )
  // The status is already sent. Only a connection that is cut after the last byte shows the error.
  if (error) response.socket?.destroySoon()
  else response.end()

  async function sendAtOnce() {
    // What the function has written at once is sent at once, since each write is a system call that
    // wakes the client. Chunks stay apart.
    const { socket } = response
    socket?.cork()
    setImmediate(() => socket?.uncork())
    response.flushHeaders()
    if (rest.length > 0) response.write(rest)
    return rest.length + (await forwardOutput(body, response))
  }
}

/** The head is held back with the first chunk. */
function sendHeldBack(rest: Buffer, body: Readable, response: ServerResponse) {
  const held = holdBack()
  if (rest.length > 0) held.write(rest)
  body.once('error', error => held.destroy(error))
  return forwardOutput(body.pipe(held), response)
}

async function sendStreamBuffered(
  { contentType, body, failure }: StreamedOutput,
  response: ServerResponse,
  warn: Warn,
) {
  const { head } = contentType === PRELUDE_TYPE ? await readPrelude(body) : {}
  await finished(body.resume())
  if (await failure) return sendBadGateway(response)
  warn('The handler streams but InvokeMode is BUFFERED: its body is lost')
  if (!writeHead(response, head ?? {}, 'application/json', warn)) return sendBadGateway(response)
  response.end()
}

/** False if the function's status or headers are not valid in HTTP. */
function writeHead(
  response: ServerResponse,
  { statusCode = 200, headers = {}, cookies = [] }: ResponseHead,
  defaultType: string,
  warn: Warn,
): boolean {
  try {
    if (!(Number(statusCode) >= 200)) throw new RangeError(`status ${statusCode}`)
    response.statusCode = Number(statusCode)
    response.setHeader('content-type', defaultType)
    for (const [name, value] of Object.entries(headers))
      if (!DROPPED.has(name.toLowerCase())) response.setHeader(sentName(name), String(value))
    if (cookies.length > 0) response.setHeader('set-cookie', cookies)
    response.writeHead(response.statusCode)
    return true
  } catch (error) {
    for (const name of response.getHeaderNames())
      if (name !== 'x-amzn-requestid') response.removeHeader(name)
    warn(`The function's status or headers cannot be sent: ${error}`)
    return false
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

const DROPPED = new Set(['keep-alive', 'transfer-encoding'])

/**
 * Headers that a Function URL sets itself. It sends those of the function under another name. AWS
 * documents it for API Gateway only. The sources are in docs/aws-assumptions.md.
 */
const RENAMED = new Set(['connection', 'content-length', 'date', 'server', 'www-authenticate'])

const sentName = (name: string) =>
  RENAMED.has(name.toLowerCase()) ? `x-amzn-remapped-${name.toLowerCase()}` : name

function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string | Buffer,
) {
  response.writeHead(status, headers).end(body)
}
