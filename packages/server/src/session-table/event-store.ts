/** An answer that is sent as an event stream, as part of a session. */
export interface StreamId {
  session: string
  /** At least 96 random bits, `[A-Za-z0-9_-]`. */
  stream: string
}

/** What was sent on the streams of answers, kept for clients that lose the connection it was sent on. */
export interface EventStore {
  /** Makes an answer known, which is to have a reply to each of these requests. */
  open(answer: StreamId, requests: RequestId[]): EventWriter
  /** The next messages. Undefined for an answer that is not known, or not any more. */
  read(answer: StreamId, after: number): Promise<StoredEvents | undefined>
}

export interface EventWriter {
  /** Takes the next message; they count from 1. Waits only where the table is slower than the sender. */
  add(message: string): Promise<void>
  /** Says that the sender still lives, for another `leaseSeconds`. */
  renew(): Promise<void>
  /** Resolves once everything is kept, and nothing can follow. */
  close(): Promise<void>
}

export interface StoredEvents {
  messages: { sequence: number; message: string }[]
  /** Whether more may follow; `lost` where the sender does not live any more. */
  state: 'running' | 'complete' | 'lost'
  requests: RequestId[]
}

export type RequestId = string | number
