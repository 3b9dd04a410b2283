import { GatewayError } from '../http/errors.ts'

/**
 * A request over a limit; it did not run. Outside JSON-RPC it is 429 with `Retry-After`, and inside
 * an error with these `data`.
 */
export class RateLimited extends GatewayError {
  /** As JSON-RPC errors have it. `retryAfter` is in seconds. */
  readonly data: { reason: 'rate_limited'; retryAfter: number; retrySafe: true }

  /** @param what which limit it is, as a sentence without its full stop */
  constructor(what: string, waitMs: number) {
    const retryAfter = Math.ceil(waitMs) / 1000
    // The header has whole seconds: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    const wholeSeconds = Math.max(1, Math.ceil(retryAfter))
    super('rate_limited', `${what}. The request did not run: send it again in ${wholeSeconds} s`, {
      headers: { 'retry-after': String(wholeSeconds) },
    })
    this.data = { reason: 'rate_limited', retryAfter, retrySafe: true }
  }
}
