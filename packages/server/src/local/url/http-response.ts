import type { ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'

import { forward } from '../forward-output.ts'
import { refuse } from '../http-server.ts'
import type { Reply } from '../invocation.ts'
import { type Head, PRELUDE_TYPE, takeFirst, takePrelude } from './response-prelude.ts'

export type InvokeMode = 'BUFFERED' | 'RESPONSE_STREAM'

/** Sends what a function answered to the client, as a Function URL in that mode does. */
export async function sendReply(
  reply: Reply,
  mode: InvokeMode,
  response: ServerResponse,
  warn: (message: string) => void,
): Promise<void> {
  switch (reply.type) {
    case 'throttled':
      return refuse(response, 429, 'TooManyRequestsException', { Message: 'Rate Exceeded.' })
    case 'error':
      return badGateway(response)
    case 'buffered':
      if (mode === 'BUFFERED') return sendBuffered(reply.body, response, warn)
      warn(
        'A handler without streamifyResponse behind RESPONSE_STREAM: its result is sent as it is, as the body',
      )
      return send(response, 200, JSON_TYPE, reply.body)
    case 'stream':
      if (mode === 'RESPONSE_STREAM') return sendStream(reply, response, warn)
      return sendStreamBuffered(reply, response, warn)
  }
}

function badGateway(response: ServerResponse) {
  send(response, 502, JSON_TYPE, 'Internal Server Error')
}

function sendBuffered(body: Buffer, response: ServerResponse, warn: (message: string) => void) {
  const result = parse(body)
  if (result === undefined) return badGateway(response)
  if (typeof result !== 'object' || result === null || !('statusCode' in result))
    return send(response, 200, JSON_TYPE, typeof result === 'string' ? result : body)

  const { body: text = '', isBase64Encoded } = result as {
    body?: unknown
    isBase64Encoded?: boolean
  }
  if (typeof text !== 'string') {
    warn(`The body of a response has to be a string, not ${typeof text}`)
    return badGateway(response)
  }
  if (!writeHead(response, result as Head, 'application/json', warn)) return badGateway(response)
  response.end(Buffer.from(text, isBase64Encoded ? 'base64' : 'utf8'))
}

/** Undefined for what is no JSON, which only a runtime that is not ours sends. */
function parse(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString())
  } catch {
    return undefined
  }
}

type Stream = Extract<Reply, { type: 'stream' }>

async function sendStream(
  { contentType, body, failure }: Stream,
  response: ServerResponse,
  warn: (message: string) => void,
) {
  const expectsHead = contentType === PRELUDE_TYPE
  const { head, rest } = expectsHead ? await takePrelude(body) : await takeFirst(body)
  if (expectsHead && !head)
    warn(
      'The head is lost: call write() on the response stream before end(), or status and headers are not sent',
    )
  if (rest.length === 0 && body.readableEnded && !head && (await failure))
    return badGateway(response)

  if (!writeHead(response, head ?? {}, head ? 'application/octet-stream' : contentType, warn)) {
    body.resume()
    return badGateway(response)
  }
  response.flushHeaders()
  if (rest.length > 0) response.write(rest)
  const sent = rest.length + (await forward(body, response))
  const error = await failure
  if (sent === 0 && !error)
    warn(
      'The body of the streamed response is empty: on AWS the client may wait for it; write at least one byte',
    )
  // The status is gone: a connection that is cut short, once all is sent, is what can still tell.
  if (error) response.socket?.destroySoon()
  else response.end()
}

async function sendStreamBuffered(
  { contentType, body, failure }: Stream,
  response: ServerResponse,
  warn: (message: string) => void,
) {
  const { head } = contentType === PRELUDE_TYPE ? await takePrelude(body) : {}
  await finished(body.resume())
  if (await failure) return badGateway(response)
  warn('A streaming handler behind InvokeMode BUFFERED: its body is lost')
  if (!writeHead(response, head ?? {}, 'application/json', warn)) return badGateway(response)
  response.end()
}

/** False when what the function gave cannot be sent. */
function writeHead(
  response: ServerResponse,
  { statusCode = 200, headers = {}, cookies = [] }: Head,
  defaultType: string,
  warn: (message: string) => void,
): boolean {
  try {
    if (!(Number(statusCode) >= 200)) throw new RangeError(`status ${statusCode}`)
    response.statusCode = Number(statusCode)
    response.setHeader('content-type', defaultType)
    for (const [name, value] of Object.entries(headers))
      if (!CONNECTION_HEADERS.has(name.toLowerCase())) response.setHeader(name, String(value))
    if (cookies.length > 0) response.setHeader('set-cookie', cookies)
    response.writeHead(response.statusCode)
    return true
  } catch (error) {
    for (const name of response.getHeaderNames())
      if (!name.startsWith('x-amzn')) response.removeHeader(name)
    warn(`The function's status or headers cannot be sent: ${error}`)
    return false
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding'])

function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string | Buffer,
) {
  response.writeHead(status, headers).end(body)
}
