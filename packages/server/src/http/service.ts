import type { Caller } from './caller.ts'
import type { HttpRequest, HttpResponse } from './http-request.ts'
import type { Trace } from './trace.ts'

/** What belongs to one request, beside the request itself. */
export interface Exchange {
  caller: Caller
  /** The Lambda request id. Error responses and log entries carry it. */
  requestId: string
  /** When Lambda received the request, in milliseconds since 1970. */
  receivedAt: number
  /** Milliseconds until Lambda stops the environment. */
  remaining(): number
  arrival: Arrival
}

/** How a request came, for the log entries of its calls. */
export interface Arrival {
  /**
   * When the gateway got it, as `performance.now()` has it. Undefined for the request of a stream,
   * whose calls come later.
   */
  at: number | undefined
  /** Whether it is the first request of its environment. */
  isCold: boolean
  /** The reads of tables that the environment had sent by then. */
  tableReads: number
  trace: Trace | undefined
}

/** The mcp function as one HTTP service. */
export type Gateway = (request: HttpRequest, exchange: Exchange) => Promise<HttpResponse>

/** An HTTP service as one function. The registration function is one. */
export type Service = (request: Request, exchange: Exchange) => Promise<Response>
