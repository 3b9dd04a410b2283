import { randomUUID } from 'node:crypto'

import { isRecord } from '../../is-record.ts'
import { consoleError } from './errors.ts'
import type { Answer, ConsoleEvent, Question } from './messages.ts'

type Json = Record<string, unknown>

/** Questions that wait at the same time. More are cancelled at once. */
const LIMIT = 20

export interface Questions {
  open(): Question[]
  /** Resolves with the result of `elicitation/create` when a person has answered. */
  ask(params: Json, askedBy: string[]): Promise<Json>
  /** Throws a `ConsoleError` where the question is answered already, or its call has ended. */
  answer(answer: Answer): void
  /** Ends all questions: no call is open that could have asked them. */
  cancelAll(): void
}

/** Elicitations of calls that the page has made. */
export function createQuestions(publish: (event: ConsoleEvent) => void): Questions {
  const open = new Map<string, { question: Question; settle(result: Json): void }>()
  return {
    open: () => [...open.values()].map(it => it.question),
    ask(params, askedBy) {
      if (open.size >= LIMIT) return Promise.resolve({ action: 'cancel' })
      const id = randomUUID()
      const { message, requestedSchema, url } = params
      const question: Question = {
        ...{ id, askedBy, message: String(message ?? '').slice(0, 16_000) },
        ...(isRecord(requestedSchema) && { schema: requestedSchema }),
        ...(typeof url === 'string' && { url }),
      }
      return new Promise(settle => {
        open.set(id, { question, settle })
        publish({ type: 'question', question })
      })
    },
    answer({ id, action, content }) {
      const found = open.get(id)
      if (!found)
        throw consoleError(
          'question_ended',
          'This question waits no more: it was answered, or its call has ended',
          'Call the tool again.',
        )
      end(id, { action, ...(action === 'accept' && content && { content }) })
    },
    cancelAll() {
      for (const id of open.keys()) end(id, { action: 'cancel' })
    },
  }

  function end(id: string, result: Json) {
    open.get(id)?.settle(result)
    open.delete(id)
    publish({ type: 'question-ended', id })
  }
}
