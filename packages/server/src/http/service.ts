import type { Caller } from './caller.ts'

/** What a request comes with, beside itself. */
export interface Exchange {
  caller: Caller
  /** The Function URL's, the response's and the log's. */
  requestId: string
  /** Milliseconds until Lambda kills the environment. */
  remaining(): number
}

/** A whole HTTP service as one function; the two halves of the product are each one. */
export type Service = (request: Request, exchange: Exchange) => Promise<Response>
