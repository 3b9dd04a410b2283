import type { ServerResponse } from 'node:http'
import { StringDecoder } from 'node:string_decoder'

import { isRecord } from '../../is-record.ts'
import type { Events, McpResponse } from '../events.ts'

/** Watches the MCP messages that pass through the URL of the mcp function. */
export type Observe = (request: ObservedRequest, response: ServerResponse) => void

interface ObservedRequest {
  method: string
  path: string
  /** The query string of the request. */
  query: string
  /** The whole body. */
  body: Buffer
}

interface Pending {
  key: number
  at: number
  settle(outcome: McpResponse['outcome']): void
}

/** Requests by the text of their JSON-RPC id. */
type PendingRequests = Map<string, Pending>

/** Of sessions, and of open requests in one. More are not kept: either may end without a word. */
const KEPT = 1_000

/** A body, or an event, that is larger is not read. */
const LIMIT = 8 * 1024 * 1024

/**
 * Emits an event for each MCP request, its response, and each notification. A response to a request
 * on `/message` comes on the stream of its session; any other comes on the same exchange.
 */
export function observer({ emit }: Events): Observe {
  let keys = 0
  const sessions = new Map<string, PendingRequests>()

  return ({ method, path, query, body }, response) => {
    const transport = path.endsWith('/mcp') ? '/mcp' : '/sse'
    const isStream = method === 'GET' && path.endsWith('/sse')
    const isPost = method === 'POST' && /\/(mcp|message)$/.test(path)
    if (!isStream && !isPost && !path.endsWith('/mcp')) return

    const session = new URLSearchParams(query).get('sessionId') ?? undefined
    const own: PendingRequests = new Map()
    // A stream has the requests of its session, which it names in its first event.
    const pending = isPost && transport === '/sse' && session ? pendingOf(session) : own
    if (isPost) for (const message of messagesOf(body)) begin(message)
    watchResponse(response, {
      onMessage: message => onMessage(message, pending),
      onEndpoint(sessionId) {
        for (const [id, it] of pendingOf(sessionId)) own.set(id, it)
        keep(sessionId, own)
      },
      onEnd() {
        if (isStream) {
          // Requests that are open are answered on the next stream of the session.
          for (const [id, it] of sessions) if (it === own && own.size === 0) sessions.delete(id)
          return
        }
        const refused = response.statusCode >= 400
        const reason = refused ? `HTTP ${response.statusCode}` : 'no response'
        if (transport === '/mcp' || refused) for (const it of own.values()) none(it, reason)
        if (transport === '/sse' && refused)
          for (const message of messagesOf(body)) settleRefused(message, reason)
      },
    })

    function begin(message: Record<string, unknown>) {
      const { id, method: name, params } = message
      if (typeof name !== 'string') return
      const at = Date.now()
      if (id === undefined) return
      const key = ++keys
      const target = targetOf(params)
      emit({
        ...{ type: 'request', key, at, transport, method: name },
        ...(target !== undefined && { target }),
        ...(params !== undefined && { params }),
      })
      pending.set(JSON.stringify(id), {
        ...{ key, at },
        settle: outcome => emit({ type: 'response', key, duration: Date.now() - at, outcome }),
      })
      settleOldest(pending, KEPT)
    }

    function settleRefused({ id }: Record<string, unknown>, reason: string) {
      const it = pending.get(JSON.stringify(id))
      if (!it) return
      pending.delete(JSON.stringify(id))
      none(it, reason)
    }

    function onMessage(message: Record<string, unknown>, requests: PendingRequests) {
      const { id, method: name, params, result, error } = message
      if (typeof name === 'string')
        return emit({
          ...{ type: 'notification', at: Date.now(), transport, method: name },
          ...(params !== undefined && { params }),
        })
      const key = JSON.stringify(id)
      const request = requests.get(key)
      if (!request) return
      requests.delete(key)
      request.settle(outcomeOf(result, error))
    }
  }

  function pendingOf(session: string): PendingRequests {
    const pending: PendingRequests = sessions.get(session) ?? new Map()
    keep(session, pending)
    return pending
  }

  function keep(session: string, pending: PendingRequests) {
    // The one that was used last is the newest.
    sessions.delete(session)
    sessions.set(session, pending)
    for (const [oldest, requests] of sessions) {
      if (sessions.size <= KEPT) return
      sessions.delete(oldest)
      settleOldest(requests, 0)
    }
  }
}

/** Settles the oldest requests until `kept` are left. */
function settleOldest(requests: PendingRequests, kept: number) {
  for (const [id, it] of requests) {
    if (requests.size <= kept) return
    requests.delete(id)
    none(it, 'no response')
  }
}

const none = (request: Pending, reason: string) => request.settle({ type: 'none', reason })

function outcomeOf(result: unknown, error: unknown): McpResponse['outcome'] {
  if (isRecord(error))
    return { type: 'error', code: Number(error['code']), message: String(error['message']) }
  const isError = isRecord(result) && result['isError'] === true
  return { type: isError ? 'tool-error' : 'result', result }
}

function targetOf(params: unknown): string | undefined {
  if (!isRecord(params)) return undefined
  const target = params['name'] ?? params['uri']
  return typeof target === 'string' ? target : undefined
}

interface ResponseWatcher {
  onMessage(message: Record<string, unknown>): void
  onEndpoint(sessionId: string): void
  onEnd(): void
}

/**
 * Reads a response while it is sent: one JSON document, or the events of a stream. Its headers must
 * be set with `setHeader`, which is how http-response.ts sets those of a function.
 */
function watchResponse(response: ServerResponse, watcher: ResponseWatcher) {
  const decoder = new StringDecoder()
  let text = ''
  const write = response.write.bind(response) as (...args: unknown[]) => boolean
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse
  response.write = (chunk: unknown, ...rest: unknown[]) => {
    read(chunk)
    return write(chunk, ...rest)
  }
  response.end = (chunk?: unknown, ...rest: unknown[]) => {
    read(chunk)
    return end(chunk, ...rest)
  }
  response.once('close', () => {
    if (!isStream()) for (const message of messagesOf(text)) watcher.onMessage(message)
    watcher.onEnd()
  })

  const isStream = () => String(response.getHeader('content-type')).startsWith('text/event-stream')

  function read(chunk: unknown) {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return
    const added = typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk))
    text += added
    if (text.length > LIMIT) text = ''
    // A large event arrives in many chunks, which are not searched again and again.
    if (!isStream() || !added.includes('\n')) return
    const events = text.split(/\r?\n\r?\n/)
    text = events.pop() ?? ''
    events.forEach(onEvent)
  }

  function onEvent(event: string) {
    const lines = event.split(/\r?\n/)
    const data = lines.filter(it => it.startsWith('data:')).map(it => it.slice(5).trimStart())
    if (data.length === 0) return
    const joined = data.join('\n')
    if (!lines.some(it => /^event: ?endpoint$/.test(it)))
      for (const message of messagesOf(joined)) watcher.onMessage(message)
    const session = new URLSearchParams(joined.split('?')[1]).get('sessionId')
    if (session && lines.some(it => /^event: ?endpoint$/.test(it))) watcher.onEndpoint(session)
  }
}

/** The JSON-RPC messages in a body: one, or a batch. None if it is not JSON. */
function messagesOf(body: Buffer | string): Record<string, unknown>[] {
  if (body.length > LIMIT) return []
  try {
    const parsed: unknown = JSON.parse(body.toString())
    return (Array.isArray(parsed) ? parsed : [parsed]).filter(isRecord)
  } catch {
    // The gateway refuses it.
    return []
  }
}
