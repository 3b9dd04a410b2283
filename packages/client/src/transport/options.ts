import type { SigningOptions } from '../signing/signed-fetch.ts'

/** What both transports take. */
export interface TransportOptions extends SigningOptions {
  /** Sent with every request, beside what the transport needs. */
  headers?: NonNullable<RequestInit['headers']>
  /** How long opening an event stream may take, credentials included. @default 30_000 */
  connectTimeoutMs?: number
  /**
   * How long the server may take to accept a message, waiting for a rate limit included. A request over
   * Streamable HTTP is accepted with its answer, so there it is the client's own time-out that counts.
   * @default 30_000
   */
  sendTimeoutMs?: number
  /** A stream that brings no byte for this long is dead; the server sends one every 15 s. @default 45_000 */
  heartbeatTimeoutMs?: number
}

export interface Limits {
  connectTimeoutMs: number
  sendTimeoutMs: number
  heartbeatTimeoutMs: number
}

export const limitsOf = ({
  connectTimeoutMs = 30_000,
  sendTimeoutMs = 30_000,
  heartbeatTimeoutMs = 45_000,
}: TransportOptions): Limits => ({ connectTimeoutMs, sendTimeoutMs, heartbeatTimeoutMs })
