import { ClientError } from '../errors.ts'
import { TEMPORARY } from '../http/temporary-failure.ts'
import { isRecord } from '../is-record.ts'
import { type JsonRpcMessage, messageOf } from '../jsonrpc.ts'
import type { SessionState, StateRequest } from './session-state.ts'

/** Sends messages in a session that has just begun. */
export interface NewSession {
  /** The URL of the server without its query, for messages. */
  readonly name: string
  /** Resolves with the response. Rejects with a `ClientError`. */
  request(request: StateRequest): Promise<JsonRpcMessage>
  notify(message: JsonRpcMessage): Promise<void>
  report(error: unknown): void
}

/**
 * Sends `initialize` in place of the client, and restores the state of the session that is lost.
 * Resolves with notifications of all changes that the client may have missed between the two.
 *
 * Rejects with a `ClientError`; its code is `session_not_found` where another attempt is useless.
 */
export async function restoreSession(
  session: NewSession,
  state: SessionState,
  isInitialized: boolean,
): Promise<JsonRpcMessage[]> {
  const { name, request, notify } = session
  try {
    const capabilities = await initialize()
    if (isInitialized) await notify({ jsonrpc: '2.0', method: 'notifications/initialized' })
    await restore()
    return isInitialized ? missedChanges(capabilities, state.requests()) : []
  } catch (error) {
    throw asUnsent(error)
  }

  /** Resolves with the capabilities of the server. */
  async function initialize(): Promise<Record<string, unknown>> {
    const params = state.initializeParams ?? {}
    const { result, error } = await request({ method: 'initialize', params })
    if (error !== undefined)
      throw new ClientError(
        'invalid_response',
        `${name} has forgotten the session and refused to begin another: ${messageOf(error)}`,
      )
    const { protocolVersion, capabilities } = isRecord(result) ? result : {}
    if (protocolVersion !== params['protocolVersion']) {
      const version = typeof protocolVersion === 'string' ? protocolVersion : 'none'
      throw new ClientError(
        'session_not_found',
        `${name} has forgotten the session, and a new one has protocol version ${version} instead of ${params['protocolVersion']}`,
      )
    }
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
        session.report(new ClientError('request_refused', message))
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  }
}

/** One iterator for several loops: each item goes to one loop, and an error ends all of them. */
function* iterate<T>(items: T[]): Generator<T> {
  yield* items
}

/**
 * Each request in progress holds an environment, and a client can have hundreds of subscriptions.
 */
const CONCURRENCY = 4

/** What changed between the sessions is unknown, so everything is reported as changed. */
function missedChanges(
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
