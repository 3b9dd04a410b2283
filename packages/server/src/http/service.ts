import type { Caller } from './caller.ts'
import type { HttpRequest, HttpResponse } from './http-request.ts'

/** What belongs to one request, beside the request itself. */
export interface Exchange {
  caller: Caller
  /** The Lambda request id. Error responses and log entries carry it. */
  requestId: string
  /** When Lambda received the request, in milliseconds since 1970. */
  receivedAt: number
  /** Milliseconds until Lambda stops the environment. */
  remaining(): number
}

/** The mcp function as one HTTP service. */
export type Gateway = (request: HttpRequest, exchange: Exchange) => Promise<HttpResponse>

/** An HTTP service as one function. The registration function is one. */
export type Service = (request: Request, exchange: Exchange) => Promise<Response>
