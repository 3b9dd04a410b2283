import { isRecord } from './is-record.ts'
import { invalidParams } from './jsonrpc-error.ts'

/** A request of a function to its client. The author chooses its key. */
export interface Question {
  method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list'
  params?: Record<string, unknown>
}

/** The value of a client's response, or the question to ask (again). */
export type Reading<Value> = { value: Value } | { ask: Question }

/** Reads the client's response to a question. It is undefined until the client has responded. */
type Read<Value> = (response: unknown) => Reading<Value> | Promise<Reading<Value>>

/**
 * One run of a stateless function that asks its client for input. The run ends with a question, and
 * the function runs again from its top with the response. Earlier responses, and results of `once`,
 * travel in `requestState`.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export interface InputRounds {
  /** Rejects if the question must be asked. `questions` then has it, even if the author catches. */
  ask<Value>(key: string, read: Read<Value>): Promise<Value>
  /** Runs `act`, unless an earlier run did. Resolves with its result after a JSON round trip. */
  once<Value>(key: string, act: () => Value | Promise<Value>): Promise<Value>
  /** The open questions. Undefined if there are none. Waits for running `once` calls. */
  questions(): Promise<
    { inputRequests: Record<string, Question>; requestState: string } | undefined
  >
}

interface State {
  /** The keys of the open questions. Responses to other keys are ignored. */
  asked: string[]
  /** The responses so far, by key. */
  answers: Record<string, unknown>
  /** The results of `once`, by key: a list of one, or empty for undefined, which JSON lacks. */
  done: Record<string, unknown[]>
}

/** `params` of the MCP request. Throws a `JsonRpcError` for a malformed `requestState`. */
export function inputRounds({
  requestState,
  inputResponses,
}: Record<string, unknown>): InputRounds {
  const state = parseState(requestState)
  const responses = new Map(Object.entries(state.answers))
  if (isRecord(inputResponses))
    for (const [key, response] of Object.entries(inputResponses))
      if (state.asked.includes(key)) responses.set(key, response)
  const done = new Map(Object.entries(state.done))
  const pending = new Map<string, Question>()
  const running: Promise<unknown>[] = []
  const used = new Set<string>()

  // Some authors give a number, which is a text after the JSON round trip.
  return {
    ask: (key, read) => ask(String(key), read),
    once: (key, act) => once(String(key), act),
    questions,
  }

  function ask<Value>(key: string, read: Read<Value>): Promise<Value> {
    return start(`question "${key}"`, async () => {
      const reading = await read(responses.get(key))
      if ('value' in reading) return reading.value
      pending.set(key, reading.ask)
      throw new QuestionPending(key)
    })
  }

  function once<Value>(key: string, act: () => Value | Promise<Value>): Promise<Value> {
    return start(`ctx.once('${key}')`, async () => {
      const before = done.get(key)
      if (before) return before[0] as Value
      const json = JSON.stringify(await act())
      // The first run gets the same value as the later runs.
      const result = json === undefined ? [] : [JSON.parse(json)]
      done.set(key, result)
      return result[0]
    })
  }

  function start<Value>(what: string, run: () => Promise<Value>): Promise<Value> {
    if (used.has(what)) {
      const message = `This run already has a ${what}: give the second one a key of its own`
      return Promise.reject(new TypeError(message))
    }
    used.add(what)
    const promise = run()
    // The author awaits only the first of several rejections. Lambda ends the process for an
    // unhandled one, so each gets a handler.
    running.push(promise.catch(() => {}))
    return promise
  }

  async function questions() {
    if (pending.size === 0) return
    for (let seen = 0; seen < running.length; ) {
      seen = running.length
      await Promise.all(running)
    }
    const requestState = JSON.stringify({
      asked: [...pending.keys()],
      answers: Object.fromEntries(responses),
      done: Object.fromEntries(done),
    } satisfies State)
    return { inputRequests: Object.fromEntries(pending), requestState }
  }
}

/** The gateway seals it on its way through the client. A direct invocation may send anything. */
function parseState(requestState: unknown): State {
  if (requestState === undefined || requestState === null)
    return { asked: [], answers: {}, done: {} }
  try {
    const state = JSON.parse(String(requestState))
    if (isState(state)) return state
  } catch {
    // A text that is not JSON is refused below.
  }
  throw invalidParams('Invalid requestState')
}

const isState = (it: unknown): it is State =>
  isRecord(it) &&
  Array.isArray(it['asked']) &&
  it['asked'].every(key => typeof key === 'string') &&
  isRecord(it['answers']) &&
  isRecord(it['done']) &&
  Object.values(it['done']).every(result => Array.isArray(result) && result.length < 2)

/** Ends a run with an open question. If the author catches it, the question is still asked. */
class QuestionPending extends Error {
  override readonly name = 'QuestionPending'

  constructor(key: string) {
    super(
      `The client is asked for "${key}" now: do not catch this error. The function runs again from its top, with the response`,
    )
  }
}
