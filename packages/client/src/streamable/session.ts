import { ClientError } from '../errors.ts'
import { unlessAborted } from '../request/send.ts'
import type { Task } from '../transport/abort-scope.ts'
import {
  cancelledBy,
  isAboutRequest,
  type JsonRpcMessage,
  type RequestId,
  type Witness,
} from '../transport/pending-requests.ts'
import { type RenewalOptions, renew } from './session-renewal.ts'
import { createMemory } from './session-state.ts'

/** The one session that the client knows of, whichever the server has for it by now. */
export interface Continuity extends Witness {
  /** Undefined before there is one, and where the server keeps none. */
  readonly sessionId: string | undefined
  /** The client has begun a session by itself; without an id, there is none now. */
  begin(sessionId?: string): void
  /** The client has said `notifications/initialized`. */
  initialized(): void
  /** Waits until there is a session that is not known to be forgotten, and resolves with its id. */
  current(task: Task): Promise<string | undefined>
  isForgotten(sessionId: string | undefined): boolean
  /** Whether this refusal says that the session is forgotten, and another can take its place. */
  noteRefusal(error: unknown, sessionId: string | undefined): boolean
  /** It is about a request of a forgotten session: of the server's, or of the client's, sent in `requestedIn`. */
  isObsolete(message: JsonRpcMessage, requestedIn?: string): boolean
  /** From now on no other session takes the place of this one. */
  terminate(): Promise<void>
}

interface ContinuityOptions extends Omit<RenewalOptions, 'memory' | 'isInitialized'> {
  /** Another session has taken the place of the one before. */
  onRenewed(): void
}

export function createContinuity(options: ContinuityOptions): Continuity {
  const memory = createMemory()
  const forgotten = new Set<string>()
  /** Requests of the server, and in which session it asked. */
  const questions = new Map<RequestId, string>()
  let sessionId: string | undefined
  let isInitialized = false
  let isTerminated = false
  let renewing: Promise<void> | undefined

  return {
    get sessionId() {
      return sessionId
    },
    begin(id) {
      sessionId = id
    },
    initialized() {
      isInitialized = true
    },
    async current({ signal }) {
      if (sessionId !== undefined && forgotten.has(sessionId) && !isTerminated) {
        renewing ??= takePlace().finally(() => {
          renewing = undefined
        })
        await unlessAborted(renewing, signal)
      }
      return sessionId
    },
    isForgotten: id => id !== undefined && forgotten.has(id),
    noteRefusal(error, id) {
      const isGone = error instanceof ClientError && error.code === 'session_not_found'
      if (!isGone || id === undefined || isTerminated || !memory.introduction) return false
      forgotten.add(id)
      return true
    },
    isObsolete(message, requestedIn) {
      if (!isAboutRequest(message)) return false
      const { method, id = '' } = message
      const about = (method === undefined ? questions.get(id) : requestedIn) ?? sessionId
      if (method === undefined) questions.delete(id)
      return about !== undefined && forgotten.has(about)
    },
    onServerMessage(message, origin) {
      if (message.id !== undefined && origin.sessionId !== undefined)
        questions.set(message.id, origin.sessionId)
      // The client does not answer what was cancelled.
      const cancelled = cancelledBy(message)
      if (cancelled !== undefined) questions.delete(cancelled)
    },
    onAnswer: memory.noteAnswer,
    async terminate() {
      isTerminated = true
      await renewing?.catch(() => {}) // whoever waits for it to send something is told
    },
  }

  async function takePlace() {
    const renewed = await renew({ ...options, memory, isInitialized })
    sessionId = renewed.sessionId
    if (sessionId !== undefined) forgotten.delete(sessionId) // it may have the same name
    if (!isInitialized) return
    options.onRenewed()
    for (const message of renewed.missed) options.session.deliver(JSON.stringify(message))
  }
}
