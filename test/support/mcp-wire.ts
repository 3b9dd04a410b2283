import type { Credentials, Gateway } from './gateway.ts'

/** `/mcp` as it is on the wire, for what no SDK client shows. */
export interface RawSession {
  id: string
  post(message: unknown, more?: { at?: Gateway; signal?: AbortSignal }): Promise<Response>
  get(lastEventId?: string, more?: { at?: Gateway }): Promise<Response>
  remove(more?: { at?: Gateway }): Promise<Response>
}

export interface RawOptions {
  protocolVersion?: string
  capabilities?: object
  credentials?: Credentials
}

export const accept = 'application/json, text/event-stream'

export async function openSession(
  gateway: Gateway,
  { protocolVersion = '2025-11-25', capabilities = {}, credentials }: RawOptions = {},
): Promise<RawSession> {
  const clientInfo = { name: 'raw', version: '1' }
  const headers: Record<string, string> = { accept }
  const post: RawSession['post'] = (message, { at = gateway, signal } = {}) =>
    at.fetch(credentials)(urlOf(at), {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(message),
      ...(signal && { signal }),
    })
  const opened = await post({
    jsonrpc: '2.0',
    id: 'initialize',
    method: 'initialize',
    params: { protocolVersion, capabilities, clientInfo },
  })
  const text = await opened.text()
  const id = opened.headers.get('mcp-session-id')
  if (!id) throw new Error(`no session: ${opened.status} ${text}`)
  headers['mcp-session-id'] = id
  if (protocolVersion >= '2025-06-18') headers['mcp-protocol-version'] = protocolVersion
  return {
    id,
    post,
    get: (lastEventId, { at = gateway } = {}) =>
      at.fetch(credentials)(urlOf(at), {
        headers: { ...headers, ...(lastEventId && { 'last-event-id': lastEventId }) },
      }),
    remove: ({ at = gateway } = {}) =>
      at.fetch(credentials)(urlOf(at), { method: 'DELETE', headers }),
  }
}

const urlOf = (gateway: Gateway) => new URL('mcp', gateway.mcpUrl)

interface RawEvent {
  id?: string
  event?: string
  data: string
  retry?: string
}

/** The events of a response, read one by one. */
export function eventsOf(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''

  return {
    /** The next event; undefined when the stream has ended. */
    async next(): Promise<RawEvent | undefined> {
      for (;;) {
        const end = text.indexOf('\n\n')
        if (end >= 0) {
          const event = parse(text.slice(0, end))
          text = text.slice(end + 2)
          if (event) return event
          continue
        }
        const { done, value } = (await reader?.read()) ?? { done: true }
        if (done) return undefined
        text += value
      }
    },
    /** The next message that is like this; throws at the end of the stream. */
    async message(pattern: (message: Message) => boolean): Promise<Message & { eventId?: string }> {
      const before: string[] = []
      for (;;) {
        const event = await this.next()
        if (!event) throw new Error(`${response.status}, ended after ${before.join() || 'nothing'}`)
        before.push(event.data)
        const message = event.data === '' ? {} : JSON.parse(event.data)
        if (pattern(message)) return { ...message, eventId: event.id }
      }
    },
    async close() {
      await reader?.cancel()
    },
  }
}

export interface Message {
  id?: string | number
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: unknown }
}

/** Undefined for a comment. */
function parse(block: string): RawEvent | undefined {
  const fields = block
    .split('\n')
    .filter(line => !line.startsWith(':'))
    .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()])
  return fields.length > 0 ? { data: '', ...Object.fromEntries(fields) } : undefined
}

/** What was answered, as JSON or on an event stream. */
export async function answerOf(response: Response): Promise<Message> {
  if (response.headers.get('content-type')?.includes('json')) return response.json()
  return eventsOf(response).message(it => it.result !== undefined || it.error !== undefined)
}
