/** An open `/sse` stream, as it is known to the environments that receive its client's messages. */
export interface SseSession {
  /** At least 128 random bits, `[A-Za-z0-9_-]`. */
  id: string
  /**
   * `Caller.owner` of the caller that opened the stream. To other callers the session does not
   * exist.
   */
  owner: string
}

/**
 * Carries a client's messages to the environment that holds its stream. The environment that
 * receives a message and the one that holds the stream share no memory, so messages go through a
 * store:
 *
 *     POST /message ──► post ──►  store  ──► inbox.messages() ──► the stream's environment
 */
export interface Relay {
  /** Makes a session known, so that messages can be posted to it, and opens its inbox. */
  open(session: SseSession): Promise<Inbox>
  /** The inbox of a session that exists already: for an environment that takes over a stream. */
  join(sessionId: string): Inbox
  /**
   * The message is durable when this resolves to true. False means that it is not stored, because
   * this owner has no such open session: it is unknown, closed or another owner's, or its lease ran
   * out.
   *
   * @throws GatewayError `rate_limited` while so many messages wait that the store takes no more
   */
  post(session: SseSession, message: string): Promise<boolean>
}

/** The messages that were posted to one session. */
export interface Inbox {
  /**
   * Delivers every message exactly once, in order of arrival, also while other environments read
   * the same inbox. A message that is not taken within `KEEP_SECONDS` is dropped. Ends when
   * `signal` aborts, or after `close` once all posted messages are delivered.
   */
  messages(signal: AbortSignal): AsyncIterable<string>
  /** Renews the session's lease for another `leaseSeconds`. False when the session is gone. */
  renew(): Promise<boolean>
  /** Refuses further posts. Messages that were posted before are still delivered. */
  close(): Promise<void>
}
