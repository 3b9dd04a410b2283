const CALLS = new Set(['tools/call', 'resources/read', 'prompts/get', 'completion/complete'])

/** Whether a function gets the requests of this method. */
export const callsFunction = (method: string) => CALLS.has(method)

/** Whether requests of this method count for rate limits. People type into a completion. */
export const isLimited = (method: string) =>
  method !== 'completion/complete' && callsFunction(method)
