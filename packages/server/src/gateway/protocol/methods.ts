const CALLS = new Set(['tools/call', 'resources/read', 'prompts/get', 'completion/complete'])

/** Whether a function gets the requests of this method. */
export const callsFunction = (method: string) => CALLS.has(method)
