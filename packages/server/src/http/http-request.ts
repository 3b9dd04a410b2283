import type { Writable } from 'node:stream'

/**
 * An HTTP request, as the host of the gateway has received it: a Lambda event, or a request of a
 * plain HTTP server. Ordinary requests are answered from it. `toRequest` makes the web `Request`,
 * which costs more than the rest of an ordinary request.
 */
export interface HttpRequest {
  method: string
  /** As the client sent it, without the query. */
  path: string
  /** As the client sent it, without the question mark. */
  query: string
  /** Names are in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  /** The body where it is text. */
  text: string | undefined
  /** @throws GatewayError `bad_request` for what `Request` cannot hold */
  toRequest(): Request
}

/** A response that is complete. */
export interface TextResponse {
  status: number
  headers: Record<string, string>
  text: string
}

/** A response whose body is written as it comes. */
export interface StreamedResponse {
  status: number
  headers: Record<string, string>
  /** Writes the body and ends `out`. Resolves when all is written, and rejects where it breaks. */
  writeTo(out: Writable): Promise<void>
}

/** A complete response, or one that may be a stream. */
export type HttpResponse = TextResponse | StreamedResponse | Response
