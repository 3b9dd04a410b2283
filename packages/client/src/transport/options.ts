import type { SendingOptions } from '../request/send.ts'

/** The options of both transports. */
export interface TransportOptions extends SendingOptions {
  /** Sent with every request, in addition to what the transport needs. */
  headers?: NonNullable<RequestInit['headers']>
  /** How long it may take to open an event stream, credentials included. @default 30_000 */
  connectTimeoutMs?: number
  /**
   * How long the server may take to accept a message, pauses after a rate limit included.
   * Streamable HTTP accepts a request with its response, so the timeout of the client applies there
   * instead.
   * @default 30_000
   */
  sendTimeoutMs?: number
  /**
   * A stream without a byte for this long is dead; the server sends one every 15 s. @default 45_000
   */
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
