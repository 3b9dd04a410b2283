import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type Caller, principalArn, sessionNameOf } from '../http/caller.ts'
import type { FunctionRun } from './function-run.ts'

/** The MCP request for which a function is invoked. */
export interface Invocation {
  caller: Caller
  sessionId?: string | undefined
  clientInfo?: { name: string; version: string } | undefined
  /**
   * W3C trace context, from the `_meta` of the client's request, or of the HTTP request:
   * http/trace.ts checks it.
   */
  traceparent?: string | undefined
  /** Awaited before an output of so many bytes is read. */
  beforeOutput?: ((bytes: number) => Promise<void>) | undefined
  /** Gets to know what becomes of the function. */
  run?: FunctionRun | undefined
}

/** A function that fails is a value; only a failure of the gateway itself is thrown. */
export type Outcome =
  /** The function's output: JSON text, or nothing. */
  | { payload: string }
  /** A message that may be shown to the client: without stack trace, ARN or account. */
  | { failure: string }

/** Invokes the function of a registration once, with this JSON text as its event. */
export type Invoke = (
  registration: Registration,
  event: string,
  invocation: Invocation,
  signal: AbortSignal,
) => Promise<Outcome>

/**
 * Invokes the function of a registration once and yields its output as it is written. The output is
 * read only as fast as the caller iterates. Throws `FunctionFailure` where the function could not
 * be invoked or Lambda reports that it failed; Lambda does not report every failure.
 */
export type InvokeStream = (
  registration: Registration,
  event: string,
  invocation: Invocation,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array>

/**
 * What a function gets to know about its call: `clientContext.custom.mcp`, or `context` in the
 * event.
 */
export function callContext(
  { type, name }: Registration,
  { caller, sessionId, traceparent, clientInfo }: Invocation,
) {
  const { arn, accountId, owner } = caller
  const sessionName = sessionNameOf(arn)
  return {
    type,
    name,
    caller: { kind: 'iam', arn, principal: principalArn(arn), accountId, sessionName, owner },
    sessionId,
    traceparent,
    clientInfo,
  }
}
