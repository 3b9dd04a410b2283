/**
 * The JSON-RPC error for a request that may or may not have run, because the gateway lost track of
 * it. The client must not repeat the request by itself.
 *
 * @param cause what happened, as a sentence without its full stop
 */
export const outcomeUnknown = (cause: string) => ({
  code: -32_000,
  message: `${cause}; it is unknown whether the request ran`,
  data: { reason: 'outcome-unknown', retrySafe: false },
})

/**
 * The JSON-RPC error for a call that was not started. The client may repeat it.
 *
 * @param cause what happened, as a sentence without its full stop
 */
export const busy = (cause: string) => ({
  code: -32_000,
  message: `${cause}; the call did not run`,
  data: { reason: 'busy', retrySafe: true },
})
