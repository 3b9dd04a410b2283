/** Why a function gave no output. */
export type RunFailure =
  /** It failed, was stopped, or broke its calling contract. */
  | 'function_failed'
  /** Lambda had no room for it. */
  | 'throttled'
  /** Lambda refused the call, or the call did not reach Lambda. */
  | 'not_invoked'
  /** The call was sent, and there is no response of Lambda that says what became of it. */
  | 'outcome_unknown'

/** What the log entry of a call says of its function. An invoker reports it. */
export interface FunctionRun {
  /** For other log entries about the call. */
  readonly ids: { requestId: string; trace_id: string | undefined }
  /** The function is invoked with an event of so many bytes. */
  started(bytes: number): void
  /** So many more bytes of the output are there. */
  received(bytes: number): void
  /** Lambda refused the call, because too many run. It may be sent again. */
  throttled(): void
  failed(failure: RunFailure): void
  /** The output is complete, or will never be. */
  ended(): void
}
