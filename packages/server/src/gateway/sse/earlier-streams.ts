import { setTimeout as sleep } from 'node:timers/promises'

import type { RequestId } from '@modelcontextprotocol/server'

import { describe } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import type { EventStore } from '../../session-table/event-store.ts'
import { isMessage, isResponse } from '../wire/jsonrpc.ts'
import { outcomeUnknown } from '../wire/outcome-unknown.ts'
import type { Cursor } from './event-id.ts'
import type { LoggedOutbox } from './outbox.ts'

export interface EarlierStreamsOptions {
  sessionId: string
  eventStore: EventStore
  outbox: LoggedOutbox
  /** How far the client has read each of them. */
  earlier: Cursor
  /** By stream: the requests that it took and may not have answered. */
  openBefore: ReadonlyMap<number, RequestId[]>
  signal: AbortSignal
  /** A stream has answered everything. */
  onPassed(stream: number): void
}

/** Milliseconds between two reads of what another environment has sent. */
const POLL_MS = 150
const RETRY_MS = 500

/**
 * Passes on what the environments of earlier streams send to their logs, until each of them has
 * answered all its requests or has died. Then what has no response gets an error: it is not run
 * again. Resolves when nothing more is to come.
 */
export async function passOnEarlierStreams(options: EarlierStreamsOptions): Promise<void> {
  const { sessionId, eventStore, outbox, openBefore, signal, onPassed } = options
  /** A page has megabytes, so only one of them is read and passed on at a time. */
  const onePage = createTurns()
  await Promise.all([...options.earlier].map(([stream, after]) => passOn(stream, after)))

  async function passOn(stream: number, after: number): Promise<void> {
    const read = after
    const answered = new Set<RequestId>()
    for (;;) {
      const before = after
      const state = await onePage(async () => {
        const stored = await untilRead(stream, after)
        for (const { sequence, message } of stored?.messages ?? []) {
          noteAnswer(message, answered)
          await outbox.pass(stream, sequence, message)
          after = sequence
        }
        return stored?.state
      })
      if (signal.aborted) return
      if (after > before) continue
      if (state !== 'running') break
      await pause(POLL_MS)
    }
    let unanswered = missing(openBefore.get(stream) ?? [], answered)
    // The client had these before it lost the stream.
    if (unanswered.length > 0) {
      await noteAnswers(stream, read, answered)
      unanswered = missing(unanswered, answered)
    }
    if (signal.aborted) return
    for (const id of unanswered) {
      const error = outcomeUnknown('The environment that ran the request is gone')
      void outbox.send(JSON.stringify({ jsonrpc: '2.0', id, error }), id)
    }
    outbox.passed(stream)
    onPassed(stream)
  }

  async function noteAnswers(stream: number, until: number, answered: Set<RequestId>) {
    for (let after: number | undefined = 0; after !== undefined && after < until; )
      after = await onePage(() => noteAnswersOfPage(stream, after ?? 0, answered))
  }

  /** The number of the last message of the page. Undefined where there is none. */
  async function noteAnswersOfPage(stream: number, after: number, answered: Set<RequestId>) {
    const { messages = [] } = (await untilRead(stream, after)) ?? {}
    for (const { message } of messages) noteAnswer(message, answered)
    return messages.at(-1)?.sequence
  }

  /** Undefined also once the stream has ended. */
  async function untilRead(stream: number, after: number) {
    while (!signal.aborted)
      try {
        return await eventStore.read({ session: sessionId, stream: String(stream) }, after)
      } catch (error) {
        log.warn('earlier stream not read, retrying', {
          'mcp.session.id': sessionId,
          error: describe(error),
        })
        await pause(RETRY_MS)
      }
    return undefined
  }

  async function pause(ms: number) {
    await sleep(ms, undefined, { signal }).catch(() => {
      // Aborted: the loops look at the signal.
    })
  }
}

/** Runs one task at a time, in the order of the calls. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve()
  return <Result>(task: () => Promise<Result>): Promise<Result> => {
    const done = last.then(task)
    last = done.catch(() => {
      // The caller of this task gets its error.
    })
    return done
  }
}

const missing = (ids: RequestId[], answered: Set<RequestId>) => ids.filter(id => !answered.has(id))

function noteAnswer(text: string, answered: Set<RequestId>) {
  const message: unknown = JSON.parse(text)
  if (isMessage(message) && isResponse(message)) answered.add(message.id)
}
