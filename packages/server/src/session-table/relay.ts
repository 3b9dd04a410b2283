/** An open stream, as the environments know it that receive its client's messages. */
export interface SseSession {
  /** At least 128 random bits, `[A-Za-z0-9_-]`. */
  id: string
  /** `Caller.owner` of whoever opened it; for anyone else the session does not exist. */
  owner: string
}

/**
 * Carries what a client posts to the environment that holds its stream. The two never share a process,
 * so it all goes through a store:
 *
 *     POST /message ──► post ──►  store  ──► inbox.messages() ──► the stream's environment
 */
export interface Relay {
  /** Makes a session known, so that messages can be posted to it, and opens its inbox. */
  open(session: SseSession): Promise<Inbox>
  /** The inbox of a session that exists already: for an environment that takes a stream over. */
  join(sessionId: string): Inbox
  /**
   * Durable when it resolves. False when there is no such session for this owner: unknown, closed,
   * somebody else's, or abandoned by its environment; the message was then not kept.
   */
  post(session: SseSession, message: string): Promise<boolean>
}

/** What was posted to one session. */
export interface Inbox {
  /**
   * Every message is handed out exactly once, whoever else reads the same inbox, in the order of arrival;
   * one whose sender was slower than GAP_MS follows late, and one that nobody took in KEEP_SECONDS is
   * dropped. Ends after `close`, when all that was posted has been handed out, or when `signal` aborts.
   */
  messages(signal: AbortSignal): AsyncIterable<string>
  /** Keeps the session open for another `leaseSeconds`. False when it is gone. */
  renew(): Promise<boolean>
  /** Refuses further posts. What was posted before is still handed out. */
  close(): Promise<void>
}
