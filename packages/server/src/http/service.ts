import type { Caller } from './caller.ts'

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

/** An HTTP service as one function. The mcp function and the registration function are one each. */
export type Service = (request: Request, exchange: Exchange) => Promise<Response>
