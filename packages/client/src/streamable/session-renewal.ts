import type { EventSourceMessage } from 'eventsource-parser'
import { ClientError } from '../errors.ts'
import { isEventStream, readEvents } from '../http/event-stream.ts'
import { readJsonText } from '../request/json-response.ts'
import { toConnectionError } from '../request/send.ts'
import { type Task, untilTaken } from '../transport/abort-scope.ts'
import type { JsonRpcMessage, RequestId, Session } from '../transport/pending-requests.ts'
import type { Memory, Request } from './session-state.ts'

export interface RenewalOptions {
  session: Session
  memory: Memory
  /** The client has said `notifications/initialized`. */
  isInitialized: boolean
  heartbeatTimeoutMs: number
  /** The server's, for messages. */
  name: string
  /** Work that may take as long as sending a message. */
  task(): Task
  post(message: JsonRpcMessage, sessionId: string | undefined, task: Task): Promise<Response>
}

interface Renewed {
  /** Undefined where the server no longer keeps sessions. */
  sessionId: string | undefined
  /** Tells the client of all that it may have missed between the two sessions. */
  missed: JsonRpcMessage[]
}

/**
 * Begins a session in place of one that the server has forgotten, and brings it to where that one was:
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 *
 * Rejects with a `ClientError`; with `session_not_found` where there is no use in trying again.
 */
export async function renew(options: RenewalOptions): Promise<Renewed> {
  const { session, memory, isInitialized, heartbeatTimeoutMs, name } = options
  let sessionId: string | undefined
  try {
    const { capabilities } = await introduce()
    if (isInitialized) await tell({ jsonrpc: '2.0', method: 'notifications/initialized' })
    await restore()
    return { sessionId, missed: isInitialized ? missed(capabilities, memory.requests()) : [] }
  } catch (error) {
    throw unsent(error)
  }

  async function introduce(): Promise<Initialized> {
    const params = memory.introduction ?? {}
    const answer = await ask({ method: 'initialize', params }, response => {
      sessionId = response.headers.get('mcp-session-id') ?? undefined
    })
    if (answer.error !== undefined)
      throw new ClientError(
        'invalid_response',
        `${name} has forgotten the session and began no other: ${reasonOf(answer)}`,
      )
    const result = (answer.result ?? {}) as Initialized
    const [agreed, offered] = [params['protocolVersion'], result.protocolVersion]
    if (offered !== agreed)
      throw new ClientError(
        'session_not_found',
        `${name} has forgotten the session, and in another it speaks revision ${offered}, not ${agreed} as agreed on`,
      )
    return result
  }

  /** What is refused now, the resource may be gone, is reported and not asked for again. */
  async function restore() {
    const requests = iterate(memory.requests())
    const worker = async () => {
      for (const request of requests) {
        const answer = await ask(request)
        if (answer.error === undefined) continue
        memory.forget(request)
        const { method, params } = request
        const what = `${method} ${params['uri'] ?? params['level']}`
        session.report(
          new ClientError(
            'request_refused',
            `${name} began a new session, but refused ${what} in it: ${reasonOf(answer)}`,
          ),
        )
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  async function tell(message: JsonRpcMessage) {
    const task = options.task()
    await untilTaken(options.post(message, sessionId, task), task)
  }

  async function ask(request: Request, onResponse = (_: Response) => {}): Promise<JsonRpcMessage> {
    const task = options.task()
    // The ids of the client are its own; this one is nobody else's.
    const id = `renewal-${crypto.randomUUID()}`
    try {
      const response = await options.post({ jsonrpc: '2.0', id, ...request }, sessionId, task)
      onResponse(response)
      return await answerTo(id, response)
    } finally {
      task.release()
    }
  }

  /** What else comes with the answer is the client's. */
  async function answerTo(id: RequestId, response: Response): Promise<JsonRpcMessage> {
    let answer: JsonRpcMessage | undefined
    const take = (text: string) => {
      const message = parse(text)
      if (message?.id === id && message.method === undefined) answer = message
      else session.deliver(text, { sessionId })
    }
    if (response.body && isEventStream(response)) {
      const onEvent = ({ event = 'message', data }: EventSourceMessage) => {
        if (event === 'message' && data !== '') take(data)
        if (answer) throw new ClientError('connection_closed', 'The answer has come')
      }
      await readEvents(response.body, { heartbeatTimeoutMs, onEvent }).catch(error => {
        if (!answer) throw toConnectionError('The answer broke off', error, 'message')
      })
    } else take(await readJsonText(response, name))
    if (!answer) throw new ClientError('connection_failed', `${name} sent no answer`)
    return answer
  }
}

interface Initialized {
  protocolVersion?: string
  capabilities?: Record<string, { listChanged?: boolean } | undefined>
}

/** For several loops at once: the first that fails ends it for all. */
function* iterate<T>(items: T[]): Generator<T> {
  yield* items
}

/** Every request in progress holds an environment, and a client may have hundreds of subscriptions. */
const AT_ONCE = 4

/** Nobody knows what has changed since the old session was last told, so it is all said to have. */
function missed(capabilities: Initialized['capabilities'], held: Request[]): JsonRpcMessage[] {
  const lists = ['tools', 'resources', 'prompts']
    .filter(list => capabilities?.[list]?.listChanged)
    .map(list => ({ jsonrpc: '2.0' as const, method: `notifications/${list}/list_changed` }))
  const updates = held
    .filter(({ method }) => method === 'resources/subscribe')
    .map(({ params: { uri } }) => ({
      jsonrpc: '2.0' as const,
      method: 'notifications/resources/updated',
      params: { uri },
    }))
  return [...lists, ...updates]
}

/** A message that had to wait for the new session has not run, whatever kept that from beginning. */
function unsent(error: unknown): unknown {
  if (!(error instanceof ClientError) || !PASSING.has(error.code)) return error
  const { code, message, status, requestId, hint } = error
  return new ClientError(
    code,
    `Not sent: the server has forgotten the session, and none could be begun in its place. ${message}`,
    { ...(status !== undefined && { status }), requestId, hint, retryable: true, cause: error },
  )
}

const PASSING = new Set(['connection_failed', 'rate_limited', 'server_error', 'timeout'])

const reasonOf = ({ error }: JsonRpcMessage) =>
  (error as { message?: string } | null)?.message ?? JSON.stringify(error)

function parse(text: string): JsonRpcMessage | undefined {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined // whoever it is delivered to says so
  }
}
