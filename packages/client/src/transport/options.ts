import { ClientError } from '../errors.ts'
import { causeOf, networkFailure } from '../http/network-failure.ts'
import type { SendingOptions } from '../request/send.ts'

/** The options of both transports. */
export interface TransportOptions extends SendingOptions {
  /** Sent with every request, in addition to what the transport needs. */
  headers?: NonNullable<RequestInit['headers']>
  /** How long it may take to open an event stream, credentials included. @default 30_000 */
  connectTimeoutMs?: number
  /**
   * How long the server may take to accept a message, pauses after a 429 included.
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

/** The headers of the options, which may be ones that cannot be sent, and `needed`. */
export function headersWith(
  { headers }: TransportOptions,
  needed: Record<string, string | undefined>,
): Headers {
  try {
    const all = new Headers(headers)
    for (const [name, value] of Object.entries(needed))
      if (value !== undefined) all.set(name, value)
    return all
  } catch (error) {
    throw new ClientError('connection_failed', `Not sent: ${networkFailure(error).message}`, {
      hint: 'Correct the option "headers".',
      cause: causeOf(error),
    })
  }
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
