import type { Readable } from 'node:stream'

/** One event on its way to a function. */
export interface Invocation {
  requestId: string
  /** JSON text. */
  event: string
  functionArn: string
  traceId: string
  /** JSON text. */
  clientContext?: string
}

/** How a function answered. It never rejects: a function that fails is an answer, too. */
export type Reply =
  /** The function is at its concurrency limit and was not run. */
  | { type: 'throttled' }
  | { type: 'error'; error: FunctionError }
  | { type: 'buffered'; body: Buffer }
  | {
      type: 'stream'
      contentType: string
      body: Readable
      /** Known when `body` has ended, which it always does: what failed after the response had begun. */
      failure: Promise<FunctionError | undefined>
    }

/** As the runtime reports it and as Invoke returns it. */
export interface FunctionError {
  errorType: string
  errorMessage: string
  trace?: string[]
}

/** 6 MiB and 100 bytes: what a buffered response may weigh. */
export const RESPONSE_LIMIT = 6 * 1024 * 1024 + 100

export const tooLarge = (size: number): FunctionError => ({
  errorType: 'Function.ResponseSizeTooLarge',
  errorMessage: `Response payload size (${size} bytes) exceeded maximum allowed payload size (${RESPONSE_LIMIT} bytes).`,
})

/** Runs a function that exists, once. `request` is the one at its Function URL, for whoever watches. */
export type Invoke = (
  functionName: string,
  invocation: Invocation,
  request?: { method: string; path: string },
) => Promise<Reply>
