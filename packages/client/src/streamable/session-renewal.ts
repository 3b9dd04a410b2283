import type { EventSourceMessage } from 'eventsource-parser'

import { ClientError } from '../errors.ts'
import { isEventStream, readEvents } from '../http/event-stream.ts'
import { isRecord, parseJson } from '../is-record.ts'
import type { JsonRpcMessage, RequestId } from '../jsonrpc.ts'
import { readJsonText } from '../request/json-response.ts'
import { toConnectionError } from '../request/send.ts'
import { untilAccepted } from '../transport/abort-scope.ts'
import type { SessionPort } from './session-port.ts'
import type { SessionState, StateRequest } from './session-state.ts'

interface Renewed {
  /** Undefined where the server no longer keeps sessions. */
  sessionId: string | undefined
  /** Notifications of all changes that the client may have missed between the two sessions. */
  missed: JsonRpcMessage[]
}

/**
 * Begins a session in place of one that the server has forgotten, and restores its state in it:
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 *
 * Rejects with a `ClientError`; its code is `session_not_found` where another attempt is useless.
 */
export async function renewSession(
  port: SessionPort,
  state: SessionState,
  isInitialized: boolean,
): Promise<Renewed> {
  const { name, heartbeatTimeoutMs } = port
  let sessionId: string | undefined
  try {
    const capabilities = await initialize()
    if (isInitialized) await notify({ jsonrpc: '2.0', method: 'notifications/initialized' })
    await restore()
    const missed = isInitialized ? missedChanges(capabilities, state.requests()) : []
    return { sessionId, missed }
  } catch (error) {
    throw asUnsent(error)
  }

  /** Resolves with the capabilities of the server. */
  async function initialize(): Promise<Record<string, unknown>> {
    const params = state.initializeParams ?? {}
    const { result, error } = await request({ method: 'initialize', params }, response => {
      sessionId = response.headers.get('mcp-session-id') ?? undefined
    })
    if (error !== undefined)
      throw new ClientError(
        'invalid_response',
        `${name} has forgotten the session and refused to begin another: ${messageOf(error)}`,
      )
    const { protocolVersion, capabilities } = isRecord(result) ? result : {}
    if (protocolVersion !== params['protocolVersion'])
      throw new ClientError(
        'session_not_found',
        `${name} has forgotten the session, and a new one has protocol version ${protocolVersion} instead of ${params['protocolVersion']}`,
      )
    return isRecord(capabilities) ? capabilities : {}
  }

  /** A request that the server refuses now is reported and forgotten; its resource may be gone. */
  async function restore() {
    const requests = iterate(state.requests())
    const worker = async () => {
      for (const it of requests) {
        const { error } = await request(it)
        if (error === undefined) continue
        state.forget(it)
        const what = `${it.method} ${it.params['uri'] ?? it.params['level']}`
        const message = `${name} began a new session, but refused ${what} in it: ${messageOf(error)}`
        port.report(new ClientError('request_refused', message))
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  }

  async function notify(message: JsonRpcMessage) {
    const scope = port.sendScope()
    await untilAccepted(port.post(message, sessionId, scope), scope)
  }

  async function request(
    { method, params }: StateRequest,
    onResponse = (_: Response) => {},
  ): Promise<JsonRpcMessage> {
    const scope = port.sendScope()
    // The client chooses its own ids; this one cannot be one of them.
    const id = `renewal-${crypto.randomUUID()}`
    try {
      const message: JsonRpcMessage = { jsonrpc: '2.0', id, method, params }
      const response = await port.post(message, sessionId, scope)
      onResponse(response)
      return await readResponse(id, response)
    } finally {
      scope.release()
    }
  }

  /** Other messages that come with the response go to the client. */
  async function readResponse(id: RequestId, response: Response): Promise<JsonRpcMessage> {
    let found: JsonRpcMessage | undefined
    const take = (text: string) => {
      const message = parseJson(text)
      if (isResponseTo(id, message)) found = message
      else port.deliver(text, { sessionId })
    }
    if (response.body && isEventStream(response)) {
      const onEvent = ({ event = 'message', data }: EventSourceMessage) => {
        if (event === 'message' && data !== '') take(data)
        if (found) throw new ClientError('connection_closed', 'The response has come')
      }
      await readEvents(response.body, { heartbeatTimeoutMs, onEvent }).catch(error => {
        if (!found) throw toConnectionError('The response broke off', error, 'message')
      })
    } else take(await readJsonText(response, name))
    if (!found) throw new ClientError('connection_failed', `${name} sent no response`)
    return found
  }
}

const isResponseTo = (id: RequestId, message: unknown): message is JsonRpcMessage =>
  isRecord(message) && message['id'] === id && message['method'] === undefined

/** One iterator for several loops: each item goes to one loop, and an error ends all of them. */
function* iterate<T>(items: T[]): Generator<T> {
  yield* items
}

/**
 * Each request in progress holds an environment, and a client can have hundreds of subscriptions.
 */
const CONCURRENCY = 4

/** What changed between the sessions is unknown, so everything is reported as changed. */
export function missedChanges(
  capabilities: Record<string, unknown>,
  restored: StateRequest[],
): JsonRpcMessage[] {
  const lists = ['tools', 'resources', 'prompts']
    .filter(list => {
      const capability = capabilities[list]
      return isRecord(capability) && capability['listChanged'] === true
    })
    .map(list => ({ jsonrpc: '2.0' as const, method: `notifications/${list}/list_changed` }))
  const updates = restored
    .filter(({ method }) => method === 'resources/subscribe')
    .map(({ params: { uri } }) => ({
      jsonrpc: '2.0' as const,
      method: 'notifications/resources/updated',
      params: { uri },
    }))
  return [...lists, ...updates]
}

/** A message that waits for the new session has not run, so a temporary failure is retryable. */
function asUnsent(error: unknown): unknown {
  if (!(error instanceof ClientError) || !TEMPORARY.has(error.code)) return error
  const { code, message, status, requestId, hint, retryAfterMs } = error
  return new ClientError(
    code,
    `Not sent: the server has forgotten the session, and no other could be begun. ${message}`,
    { status, requestId, hint, retryAfterMs, retryable: true, cause: error },
  )
}

const TEMPORARY = new Set([
  'connection_failed',
  'rate_limited',
  'server_error',
  'service_unavailable',
  'timeout',
])

const messageOf = (error: unknown) =>
  isRecord(error) && typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error)
