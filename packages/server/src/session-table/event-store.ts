import type { RequestId } from '@modelcontextprotocol/server'

/** Names the event stream of one HTTP response within its MCP session. */
export interface StreamId {
  session: string
  /** At least 96 random bits, `[A-Za-z0-9_-]`. */
  stream: string
}

/** When a stream was opened, and for which requests. Its event ids tell it to their readers. */
export interface Beginning {
  /** In seconds since 1970. */
  startedAt: number
  requests: RequestId[]
}

/**
 * Keeps the messages of event streams, so that a client that lost its connection can read the rest.
 * Streamable HTTP, "Resumability and Redelivery":
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
export interface EventStore {
  /**
   * A writer for a stream that will carry the response to each of these requests. It writes nothing
   * before the first message, renewal or end: a stream has a lease from its beginning on.
   */
  open(stream: StreamId, requests: RequestId[]): EventWriter
  /**
   * The next messages after a sequence number, without those that are lost. None means that nothing
   * more is stored yet. Undefined for a stream that is unknown or expired.
   *
   * @param beginning makes a stream known of which nothing is stored yet
   */
  read(stream: StreamId, after: number, beginning?: Beginning): Promise<StoredEvents | undefined>
}

export interface EventWriter {
  /**
   * Adds the next message; sequence numbers start at 1. Waits only where the table is slower than
   * the sender.
   */
  add(message: string): Promise<void>
  /**
   * Resolves right after `add` when that message has been written: true where neither it nor one
   * that was written with it failed.
   */
  stored(): Promise<boolean>
  /** Renews the lease: the sender is alive for another `leaseSeconds`. */
  renew(): Promise<void>
  /**
   * Resolves once all messages are stored and the stream is marked as complete.
   *
   * @param last the last message, where it was not added yet: both are one write
   */
  close(last?: string): Promise<void>
}

export interface StoredEvents {
  messages: { sequence: number; message: string }[]
  /**
   * `running`: more messages may follow. `lost`: the sender's lease ran out before the stream was
   * complete.
   */
  state: 'running' | 'complete' | 'lost'
  requests: RequestId[]
}
