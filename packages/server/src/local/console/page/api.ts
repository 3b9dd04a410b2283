import type { CallRequest, CallResponse, ConsoleEvent, Problem } from '../messages.ts'

/** A problem that the server of the console reports, or that it does not respond. */
export class ApiError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

const KEY = 'token'

/**
 * Takes the token from the address, where it is in the fragment, and drops it there, so that it is
 * in no bookmark and no screenshot. It is kept for reloads of this tab.
 */
export function takeToken(): boolean {
  const given = /^#token=([\w-]+)$/.exec(location.hash)?.[1]
  if (given) {
    sessionStorage.setItem(KEY, given)
    history.replaceState(null, '', location.pathname)
  }
  return sessionStorage.getItem(KEY) !== null
}

export const read = <Value>(path: string) => request<Value>(path)

export const post = <Value>(path: string, body: unknown, signal?: AbortSignal) =>
  request<Value>(path, { method: 'POST', body: JSON.stringify(body), ...(signal && { signal }) })

export const call = (body: CallRequest, signal: AbortSignal) =>
  post<CallResponse>('/api/calls', body, signal)

async function request<Value>(path: string, init: RequestInit = {}): Promise<Value> {
  const response = await send(path, init)
  return (await response.json()) as Value
}

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = {
    authorization: `Bearer ${sessionStorage.getItem(KEY)}`,
    ...(init.body && { 'content-type': 'application/json' }),
  }
  const response = await fetch(path, { ...init, headers }).catch(error => {
    if (init.signal?.aborted) throw error
    const hint = 'Start "mcp-lambda-sam local" again, and open the address that it prints.'
    throw new ApiError({ code: 'unreachable', message: 'The gateway does not respond', hint })
  })
  if (response.ok) return response
  const { error } = (await response.json()) as { error: Problem }
  throw new ApiError(error)
}

/** Silence after which the connection is dead: the server sends a line every 15 s. */
const SILENCE_MS = 40_000

/** Passes events on until the connection ends. Rejects with why. */
export async function followEvents(onEvent: (event: ConsoleEvent) => void): Promise<never> {
  const silent = new AbortController()
  let timer = setTimeout(() => silent.abort(), SILENCE_MS)
  try {
    const response = await send('/api/events', { signal: silent.signal })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    for (let rest = ''; reader; ) {
      const { value, done } = await reader.read()
      if (done) break
      clearTimeout(timer)
      timer = setTimeout(() => silent.abort(), SILENCE_MS)
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const it of lines) onEvent(JSON.parse(it) as ConsoleEvent)
    }
    throw new ApiError({ code: 'unreachable', message: 'The gateway has ended' })
  } finally {
    clearTimeout(timer)
  }
}
