import type { EventSourceMessage } from 'eventsource-parser'

import { ClientError } from '../errors.ts'
import { isEventStream, readEvents } from '../http/event-stream.ts'
import { isRecord, parseJson } from '../is-record.ts'
import type { JsonRpcMessage, RequestId } from '../jsonrpc.ts'
import { readJsonText } from '../request/json-response.ts'
import { toConnectionError } from '../request/send.ts'
import { untilAccepted } from '../transport/abort-scope.ts'
import { restoreSession } from '../transport/restore-session.ts'
import type { SessionState, StateRequest } from '../transport/session-state.ts'
import type { SessionPort } from './session-port.ts'

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
  const { name, heartbeatTimeoutMs, report } = port
  let sessionId: string | undefined
  const missed = await restoreSession({ name, request, notify, report }, state, isInitialized)
  return { sessionId, missed }

  async function notify(message: JsonRpcMessage) {
    const scope = port.sendScope()
    await untilAccepted(port.post(message, sessionId, scope), scope)
  }

  async function request({ method, params }: StateRequest): Promise<JsonRpcMessage> {
    const scope = port.sendScope()
    // The client chooses its own ids; this one cannot be one of them.
    const id = `renewal-${crypto.randomUUID()}`
    try {
      const message: JsonRpcMessage = { jsonrpc: '2.0', id, method, params }
      const response = await port.post(message, sessionId, scope)
      if (method === 'initialize') sessionId = response.headers.get('mcp-session-id') ?? undefined
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
