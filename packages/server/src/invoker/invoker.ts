import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type Caller, principalArn } from '../http/caller.ts'

/** Why a function is called. */
export interface Invocation {
  caller: Caller
  sessionId?: string | undefined
  clientInfo?: { name: string; version: string } | undefined
  /** W3C trace context, as the client's `_meta` carried it. */
  traceparent?: string | undefined
}

/** What came back. A function that fails is a value: only a gateway that fails throws. */
export type Outcome =
  | { payload: string }
  /** `message` may be shown to the client: what happened, without stack, ARN or account. */
  | { failure: string }

/** Runs the function behind a registration once, with `event` as its event. */
export type Invoke = (
  registration: Registration,
  event: unknown,
  invocation: Invocation,
  signal: AbortSignal,
) => Promise<Outcome>

/**
 * Runs the function behind a registration once and yields what it writes, as it writes it. Nothing more is
 * taken from the function until the reader asks for more. Throws `FunctionFailure` where the function could not
 * be run, or is known to have failed; Lambda does not always tell.
 */
export type InvokeStream = (
  registration: Registration,
  event: unknown,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array>

/** A function failed, or did not keep to its contract. The message may be shown to the client, as in `Outcome`. */
export class FunctionFailure extends Error {
  override readonly name = 'FunctionFailure'
}

/** What a function's author is told of the call: in `clientContext.custom.mcp`, or in the event's `context`. */
export function callContext(
  { type, name }: Registration,
  { caller, sessionId, traceparent, clientInfo }: Invocation,
) {
  const { arn, accountId } = caller
  return {
    type,
    name,
    caller: { arn, principal: principalArn(arn), accountId },
    sessionId,
    traceparent,
    clientInfo,
  }
}
