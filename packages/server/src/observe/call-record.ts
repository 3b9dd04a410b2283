import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type Caller, principalArn, sessionNameOf } from '../http/caller.ts'
import { cutText } from '../http/cut-text.ts'
import type { Arrival } from '../http/service.ts'
import { parseTraceparent } from '../http/trace.ts'
import type { FunctionRun, RunFailure } from '../invoker/function-run.ts'
import {
  type CallOutcome,
  type ErrorType,
  isErrorOutcome,
  isSuccess,
  outcomeOfAbort,
  outcomeOfError,
  outcomeOfResult,
} from './outcome.ts'

/** A request that may call a function. */
export interface Call {
  method: string
  caller: Caller
  /** The Lambda request. */
  requestId: string
  sessionId: string | undefined
  arrival: Arrival
  /** Of the client's `_meta`. */
  traceparent: unknown
}

export interface CallRecorderOptions {
  /** Writes the entry of a call, which is one line of JSON. */
  write(entry: CallEntry): void
  /** Whether calls that have succeeded have no entry. */
  failedOnly: boolean
  /** Whether entries have the arguments and the result. */
  hasPayloads: boolean
  /** The reads of tables that this environment has sent. */
  tableReads(): number
}

/** Begins the records of calls. Undefined where no entries are written. */
export type BeginCall = (call: Call) => CallRecord | undefined

/**
 * The log entry of a call; docs/operations.md has its fields. OpenTelemetry's conventions name
 * those with a dot: https://github.com/open-telemetry/semantic-conventions-genai
 */
export interface CallEntry {
  timestamp: string
  level: 'INFO'
  requestId: string
  message: 'call'
  'mcp.method.name': string
  'gen_ai.tool.name': string | undefined
  'gen_ai.prompt.name': string | undefined
  /** The id of a resource. Its URI may have values of arguments. */
  item: string | undefined
  function: string | undefined
  'error.type': ErrorType | undefined
  /** As in the result. Only where it asks the client for input. */
  resultType: 'input_required' | undefined
  caller: string
  sessionName: string | undefined
  'mcp.session.id': string | undefined
  trace_id: string | undefined
  'faas.coldstart': boolean
  errors: 0 | 1
  throttles: number
  functionMs: number | undefined
  ownMs: number
  bytesIn: number
  bytesOut: number
  tableReads: number
  arguments?: string | undefined
  result?: string | undefined
}

export const createCallRecorder =
  (options: CallRecorderOptions): BeginCall =>
  call =>
    new CallRecord(call, options)

/** Follows one call to its end, and writes its entry then. */
export class CallRecord implements FunctionRun {
  readonly ids: FunctionRun['ids']
  readonly #call: Call
  readonly #options: CallRecorderOptions
  readonly #beganAt: number
  readonly #readsBefore: number
  #registration: Registration | undefined
  #arguments: unknown
  #failure: RunFailure | undefined
  #throttles = 0
  #bytesIn = 0
  #bytesOut = 0
  #functionMs = 0
  #firstStart: number | undefined
  #lastStart = 0
  #lastEnd = 0
  #hasEnded = false

  constructor(call: Call, options: CallRecorderOptions) {
    const { requestId, arrival, traceparent } = call
    this.#call = call
    this.#options = options
    this.#beganAt = arrival.at ?? performance.now()
    this.#readsBefore = arrival.at === undefined ? options.tableReads() : arrival.tableReads
    const trace = parseTraceparent(traceparent) ?? arrival.trace
    this.ids = { requestId, trace_id: trace?.traceId }
  }

  /** The call is of this registration. */
  found(registration: Registration, args: unknown) {
    this.#registration = registration
    this.#arguments = args
  }

  started(bytes: number) {
    this.#bytesIn += bytes
    this.#lastStart = performance.now()
    this.#firstStart ??= this.#lastStart
  }

  received(bytes: number) {
    this.#bytesOut += bytes
  }

  throttled() {
    this.#throttles += 1
  }

  /** The first failure counts: the others follow from it. */
  failed(failure: RunFailure) {
    this.#failure ??= failure
  }

  ended() {
    this.#lastEnd = performance.now()
    this.#functionMs += this.#lastEnd - this.#lastStart
  }

  /** The call has this result. */
  succeeded(result: object, text?: string) {
    this.#end(outcomeOfResult(result, this.#known()), () => text ?? JSON.stringify(result))
  }

  /** The response is an error. There is none where the signal of the request has aborted. */
  refused(error: unknown, signal?: AbortSignal) {
    const outcome = signal?.aborted
      ? outcomeOfAbort(signal.reason)
      : outcomeOfError(error, this.#known())
    this.#end(outcome, () => (error instanceof Error ? error.message : String(error)))
  }

  #known() {
    const hasStarted = this.#firstStart !== undefined
    return { isFound: this.#registration !== undefined, hasStarted, failure: this.#failure }
  }

  #end(outcome: CallOutcome, result: () => string) {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const { failedOnly, hasPayloads, tableReads, write } = this.#options
    const isOk = isSuccess(outcome)
    if (failedOnly && isOk) return
    const now = performance.now()
    const { method, caller, requestId, sessionId, arrival } = this.#call
    const { id, type, name, lambdaArn } = this.#registration ?? {}
    const hasStarted = this.#firstStart !== undefined
    // The function may still run where the client has cancelled the call.
    const isRunning = hasStarted && this.#lastEnd < this.#lastStart
    const runEnd = isRunning ? now : this.#lastEnd
    const functionMs = this.#functionMs + (isRunning ? now - this.#lastStart : 0)
    // Between two rounds of a function the gateway waits for the client.
    const ownMs = (this.#firstStart ?? now) - this.#beganAt + (hasStarted ? now - runEnd : 0)
    write({
      timestamp: new Date().toISOString(),
      level: 'INFO',
      requestId,
      message: 'call',
      'mcp.method.name': method,
      'gen_ai.tool.name': type === 'tool' ? name : undefined,
      'gen_ai.prompt.name': type === 'prompt' ? name : undefined,
      item: type === 'resource' ? id : undefined,
      function: lambdaArn,
      'error.type': isOk ? undefined : outcome,
      resultType: outcome === 'input_required' ? outcome : undefined,
      caller: principalArn(caller.arn),
      sessionName: sessionNameOf(caller.arn),
      'mcp.session.id': sessionId,
      trace_id: this.ids.trace_id,
      'faas.coldstart': arrival.isCold,
      errors: isErrorOutcome(outcome) ? 1 : 0,
      throttles: this.#throttles,
      functionMs: hasStarted ? rounded(functionMs) : undefined,
      ownMs: rounded(ownMs),
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      tableReads: tableReads() - this.#readsBefore,
      ...(hasPayloads && {
        arguments: cutText(JSON.stringify(this.#arguments) ?? ''),
        result: cutText(result()),
      }),
    })
  }
}

/** To a tenth of a millisecond. */
const rounded = (ms: number) => Math.round(ms * 10) / 10
