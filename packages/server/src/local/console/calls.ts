import { isRecord } from '../../is-record.ts'
import { consoleError, problemOf } from './errors.ts'
import { createMcpSession, type McpSession, type SessionOptions } from './mcp-session.ts'
import type { Answer, CallRequest, CallResponse, ConsoleEvent, Question } from './messages.ts'
import { createQuestions } from './questions.ts'

/** Calls of pages that run at the same time. */
const LIMIT = 20
const METHODS = ['tools/call', 'resources/read', 'prompts/get'] as const

export interface Calls {
  /** The MCP session of all calls. */
  session: McpSession
  questions(): Question[]
  /** Resolves with what became of it. Rejects with a `ConsoleError` where it does not run. */
  call(body: unknown, signal: AbortSignal): Promise<CallResponse>
  /** Throws a `ConsoleError`. */
  answer(body: unknown): void
}

/** The calls that pages make, as one MCP client. */
export function createCalls(
  target: Pick<SessionOptions, 'url' | 'region' | 'credentials'>,
  publish: (event: ConsoleEvent) => void,
): Calls {
  const running = new Map<string, string>()
  const questions = createQuestions(publish)
  const session = createMcpSession({
    ...target,
    onProgress(params) {
      const { progressToken, progress, total, message } = params
      if (typeof progressToken !== 'string' || !running.has(progressToken)) return
      publish({
        ...{ type: 'progress', id: progressToken, progress: Number(progress) },
        ...(typeof total === 'number' && { total }),
        ...(message !== undefined && { message: String(message).slice(0, 1_000) }),
      })
    },
    elicit: params => questions.ask(params, [...new Set(running.values())]),
  })

  return {
    session,
    questions: questions.open,
    async call(body, signal) {
      const { id, method, params } = callOf(body)
      if (running.size >= LIMIT || running.has(id))
        throw consoleError('busy', `${LIMIT} calls are running`, 'Wait, or cancel one of them.')
      running.set(id, String(params['name'] ?? params['uri']).slice(0, 200))
      const start = performance.now()
      const duration = () => Math.round(performance.now() - start)
      try {
        const result = await session.request(method, params, { id, signal })
        return { duration: duration(), result }
      } catch (error) {
        return { duration: duration(), error: problemOf(error) }
      } finally {
        running.delete(id)
        // One of the calls that are open may still wait for an answer.
        if (running.size === 0) questions.cancelAll()
      }
    },
    answer: body => questions.answer(answerOf(body)),
  }
}

function callOf(body: unknown): CallRequest {
  if (isRecord(body)) {
    const { id, params } = body
    const method = METHODS.find(it => it === body['method'])
    if (typeof id === 'string' && /^[\w-]{1,64}$/.test(id) && method && isRecord(params))
      return { id, method, params }
  }
  throw consoleError(
    'invalid_request',
    `Expected an id, params and one of the methods ${METHODS.join(', ')}`,
    'Reload the page.',
  )
}

function answerOf(body: unknown): Answer {
  if (isRecord(body)) {
    const { id, content } = body
    const action = (['accept', 'decline', 'cancel'] as const).find(it => it === body['action'])
    if (typeof id === 'string' && action)
      return { id, action, ...(isRecord(content) && { content }) }
  }
  throw consoleError('invalid_request', 'Expected an id and an action', 'Reload the page.')
}
