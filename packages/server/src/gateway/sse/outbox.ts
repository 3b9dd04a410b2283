import type { RequestId } from '@modelcontextprotocol/server'

import type { EventWriter } from '../../session-table/event-store.ts'
import type { EventStream } from '../wire/event-stream.ts'
import { type Cursor, toEventId } from './event-id.ts'

/** The messages for the client of one stream, in the order of the calls. */
export interface Outbox {
  /**
   * Resolves when the reader has taken the message.
   *
   * @param answers the request that the message is the response to
   */
  send(text: string, answers?: RequestId): Promise<void>
  /** A message that has no meaning for a later stream. It has no event id. */
  sendOnce(text: string): void
  /** Whether the results of so many calls may be made, if they are as large as the last ones. */
  hasRoomFor(calls: number): boolean
  /** For the result of one call. */
  hold(): Hold
  /** Resolves when the reader is not so far behind that no more should be made for it. */
  drained(): Promise<void>
}

/** What the result of a call takes of the memory, before it is a message. */
interface Hold {
  /** Resolves when a result of so many bytes has room beside the others. It counts from then on. */
  take(bytes: number): Promise<void>
  release(): void
}

/** The outbox of a stream of a resumable session. What it sends can be sent by a later stream. */
export interface LoggedOutbox extends Outbox {
  /** Passes on message `n` of an earlier stream. */
  pass(stream: number, n: number, text: string): Promise<void>
  /** Nothing more is to come from an earlier stream. */
  passed(stream: number): void
  /** The client has left the stream, or should: messages are only logged from now on. */
  detach(): void
  /** The requests whose responses may not be in the log. */
  unstored(): RequestId[]
  /** The id of an event that has been read by a client that has all that was sent so far. */
  eventId(): string
}

/** Messages that may wait for the reader. */
const MAX_MESSAGES = 16
/**
 * Characters that may wait for the reader: an environment has 512 MB, holds a message several times
 * while it writes it, and has calls in flight whose results come on top.
 */
const MAX_CHARACTERS = 4 * 1024 * 1024
/** Likewise, with the results that running calls are expected to have. */
const MAX_EXPECTED = 6 * 1024 * 1024
/**
 * Bytes of results that are being read, or wait for the reader. The others stay with Lambda: calls
 * that run at the same time may all have results of 6 MB.
 */
const MAX_HELD = 8 * 1024 * 1024
/** A smaller result does not wait. */
const MIN_HELD = 128 * 1024
/** What a result that is smaller than the largest one leaves of the expectation. */
const FORGET = 0.9

/** For a session that ends with its stream. */
export function createOutbox(sessionId: string, events: EventStream): Outbox {
  let sequence = 0
  return createQueue(events, () => {
    sequence += 1
    return `${sessionId}.${sequence}`
  })
}

export interface LoggedOutboxOptions {
  sessionId: string
  events: EventStream
  /** The number of this stream. */
  stream: number
  /** How far the client has read the earlier streams that may have more for it. */
  earlier: Cursor
  log: EventWriter
}

export function createLoggedOutbox(options: LoggedOutboxOptions): LoggedOutbox {
  const { sessionId, events, stream, earlier, log } = options
  const cursor: Cursor = new Map([...earlier, [stream, 0]])
  const unstored = new Set<RequestId>()
  let sequence = 0
  const eventId = () => toEventId(sessionId, cursor)
  const queue = createQueue(events, eventId)

  return {
    ...queue,
    async send(text, answers) {
      sequence += 1
      cursor.set(stream, sequence)
      if (answers !== undefined) unstored.add(answers)
      const added = log.add(text)
      if (answers !== undefined) void forgetStored(answers)
      await queue.send(text, answers, added)
    },
    pass(from, n, text) {
      cursor.set(from, n)
      return queue.send(text)
    },
    passed: from => void cursor.delete(from),
    unstored: () => [...unstored],
    eventId,
  }

  /**
   * A response that could not be stored stays: the next stream says that its outcome is unknown.
   */
  async function forgetStored(id: RequestId) {
    if (await log.stored()) unstored.delete(id)
  }
}

function createQueue(events: EventStream, nextId: () => string) {
  let isDetached = false
  /** Go on with what waits for the reader, when the stream is left. */
  const onDetached = new Set<() => void>()
  let messages = 0
  let characters = 0
  /** Characters of a result, as the last ones were. */
  let expected = 0
  /** Bytes of results that are being read. */
  let held = 0
  let last = Promise.resolve()
  let onDrained: (() => void)[] = []
  const isOver = () => isDetached || events.closed.aborted
  const isFull = () => !isOver() && (messages > MAX_MESSAGES || characters > MAX_CHARACTERS)

  return {
    /** `added`: not written before this resolves, which is when the log has room for it. */
    async send(text: string, answers?: RequestId, added = Promise.resolve()): Promise<void> {
      const id = nextId()
      messages += 1
      characters += text.length
      if (answers !== undefined) expected = Math.max(text.length, expected * FORGET)
      last = last.then(async () => {
        await added
        if (!isDetached) await events.event({ id, name: 'message', data: text })
        messages -= 1
        characters -= text.length
        wake()
      })
      await unlessDetached(last)
      await added
    },
    sendOnce: (text: string) => void events.event({ name: 'message', data: text }),
    hasRoomFor: (calls: number) => !isFull() && characters + calls * expected <= MAX_EXPECTED,
    hold,
    async drained() {
      while (isFull()) await new Promise<void>(resolve => onDrained.push(resolve))
    },
    detach() {
      isDetached = true
      for (const goOn of onDetached) goOn()
      wake()
    },
  }

  function hold(): Hold {
    let own = 0
    let isReleased = false
    return {
      async take(bytes) {
        if (bytes < MIN_HELD) return
        while (!isReleased && !fits(bytes))
          await new Promise<void>(resolve => onDrained.push(resolve))
        if (isReleased) return
        own = bytes
        held += bytes
      },
      release() {
        isReleased = true
        held -= own
        own = 0
        wake()
      },
    }
  }

  /** What waits for the reader of a stream that was left may wait for ever. */
  function fits(bytes: number): boolean {
    const taken = held + (isDetached ? 0 : characters)
    return taken === 0 || taken + bytes <= MAX_HELD
  }

  /**
   * The reader of a stream that was left may never take anything. A race with one promise for the
   * whole stream would keep every text until the stream ends.
   */
  function unlessDetached(taken: Promise<void>): Promise<void> {
    if (isDetached) return Promise.resolve()
    return new Promise(resolve => {
      onDetached.add(resolve)
      void taken.then(() => {
        onDetached.delete(resolve)
        resolve()
      })
    })
  }

  function wake() {
    const waiting = onDrained
    onDrained = []
    for (const resolve of waiting) resolve()
  }
}
