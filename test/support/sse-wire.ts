import type { Credentials, Gateway } from './gateway.ts'
import { accept, type Message } from './mcp-wire.ts'

/** A stream as it is on the wire, for what no SDK client shows. */
export interface RawStream {
  response: Response
  /** `/message?sessionId=…` */
  endpoint: string
  text(): string
  /** Waits until the pattern has come; rejects when the stream ends before. */
  read(pattern: RegExp): Promise<string>
  /** Waits for the end of the stream; resolves with all it sent. */
  ended(): Promise<string>
  close(): Promise<void>
}

export async function openRaw(
  gateway: Gateway,
  credentials?: Credentials,
  headers: Record<string, string> = {},
): Promise<RawStream> {
  const response = await gateway.fetch(credentials)(new URL('sse', gateway.mcpUrl), { headers })
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let done = false

  async function more() {
    const chunk = await reader?.read()
    done = chunk?.done ?? true
    text += decoder.decode(chunk?.value, { stream: true })
  }
  async function read(pattern: RegExp) {
    while (!pattern.test(text)) {
      if (done) throw new Error(`the stream ended after ${JSON.stringify(text)}`)
      await more()
    }
    return text
  }

  await read(/\n\n/)
  return {
    response,
    endpoint: /data: (\S+)/.exec(text)?.[1] ?? '',
    text: () => text,
    read,
    async ended() {
      while (!done) await more()
      return text
    },
    async close() {
      await reader?.cancel()
    },
  }
}

export const postRaw = (
  gateway: Gateway,
  endpoint: string,
  message: unknown,
  credentials?: Credentials,
  headers: Record<string, string> = {},
) =>
  gateway.fetch(credentials)(new URL(endpoint, gateway.mcpUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(message),
  })

export const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2024-11-05',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  },
}

export const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }

/** What a request to `/mcp` says of itself in revision 2026-07-28. */
export const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
}

interface McpOptions {
  /** Beside those that every client sends; undefined leaves one of these out. */
  headers?: Record<string, string | undefined>
  credentials?: Credentials | undefined
}

/** `body` is sent as it is where it is text. */
export function postMcp(
  gateway: Gateway,
  body: unknown,
  { headers = {}, credentials }: McpOptions = {},
): Promise<Response> {
  const all = {
    'content-type': 'application/json',
    accept,
    ...headers,
  }
  return gateway.fetch(credentials)(new URL('mcp', gateway.mcpUrl), {
    method: 'POST',
    headers: Object.entries(all).filter((it): it is [string, string] => it[1] !== undefined),
    // As bytes: fetch would give text a content type by itself.
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  })
}

/** All that a response of `/mcp` says, in order, be it one answer or a stream of messages. */
export async function messagesIn(response: Response): Promise<Message[]> {
  const text = await response.text()
  if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
    return [JSON.parse(text)].flat()
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data))
}
