import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/contract'

import type { Caller } from '../caller.ts'

/** Why a function is called: what its author finds in `context.clientContext.custom.mcp`. */
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
