import type { Readable } from 'node:stream'

/** One event for a function. */
export interface Invocation {
  requestId: string
  /** JSON text. */
  event: string
  functionArn: string
  traceId: string
  /** JSON text. */
  clientContext?: string
  /** Its environments run for this tenant alone. */
  tenantId?: string
}

/** The output of one invocation. A failed function is an output of the type `error`. */
export type FunctionOutput =
  /** The function is at its concurrency limit. It did not run. */
  | { type: 'throttled' }
  /** The function isolates tenants and the call has none, or the reverse. It did not run. */
  | { type: 'wrong-tenant'; needsTenant: boolean }
  | { type: 'error'; error: FunctionError }
  | { type: 'buffered'; body: Buffer }
  | {
      type: 'stream'
      contentType: string
      body: Readable
      /** The error after the first byte, if there is one. Resolves when `body` has ended. */
      failure: Promise<FunctionError | undefined>
    }

/** The error object that the runtime reports and that Invoke returns. */
export interface FunctionError {
  errorType: string
  errorMessage: string
  /** Of Node.js. */
  trace?: string[]
  /** Of Python. */
  stackTrace?: string[]
}

/** Limit of a buffered output: 6 MiB and 100 bytes. */
export const RESPONSE_LIMIT = 6 * 1024 * 1024 + 100

export const tooLarge = (size: number): FunctionError => ({
  errorType: 'Function.ResponseSizeTooLarge',
  errorMessage: `Response payload size (${size} bytes) exceeded maximum allowed payload size (${RESPONSE_LIMIT} bytes).`,
})

/**
 * Runs a function once. Never rejects. `request` is the HTTP request, for invocations through a
 * Function URL; `onInvocation` reports it.
 */
export type Invoke = (
  functionName: string,
  invocation: Invocation,
  request?: { method: string; path: string },
) => Promise<FunctionOutput>
