import { INVALID_PARAMS, isRecord, Refusal } from './mcp-results.ts'

/** What a function asks its client, under a name of its choice. */
export interface Question {
  method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list'
  params?: Record<string, unknown>
}

/** What reading an answer gives: its value, or the question to ask (again). */
export type Reading<Value> = { value: Value } | { ask: Question }

/**
 * One run of a function that keeps nothing between its runs: asked for input it ends, and runs again from the top
 * once there is an answer. What it was told before, and what it did once, travels in `requestState`.
 */
export interface Rounds {
  /**
   * Reads the answer to `key`, undefined where there is none. Rejects where it has to be asked: what is to be known
   * then is in `questions`, whatever the function makes of the rejection.
   */
  answer<Value>(
    key: string,
    read: (answer: unknown) => Reading<Value> | Promise<Reading<Value>>,
  ): Promise<Value>
  /** Runs `act` unless a run before this one did; its result, as JSON gives it. */
  once<Value>(key: string, act: () => Value | Promise<Value>): Promise<Value>
  /** Undefined where nothing is asked. Waits for what is under way, or what is done once would not be known of. */
  questions(): Promise<
    { inputRequests: Record<string, Question>; requestState: string } | undefined
  >
}

interface State {
  /** Answers are taken for what was asked, and for nothing else. */
  asked: string[]
  answers: Record<string, unknown>
  /** Lists of one result, or none where there was none: JSON has no undefined. */
  done: Record<string, unknown[]>
}

export function roundsOf({ requestState, inputResponses }: Record<string, unknown>): Rounds {
  const state = parse(requestState)
  const answers = new Map(Object.entries(state.answers))
  if (isRecord(inputResponses))
    for (const [key, answer] of Object.entries(inputResponses))
      if (state.asked.includes(key)) answers.set(key, answer)
  const done = new Map(Object.entries(state.done))
  const pending = new Map<string, Question>()
  const underWay: Promise<unknown>[] = []
  const used = new Set<string>()

  return { answer, once, questions }

  function answer<Value>(
    key: string,
    read: (answer: unknown) => Reading<Value> | Promise<Reading<Value>>,
  ): Promise<Value> {
    return start(`question "${key}"`, async () => {
      const reading = await read(answers.get(key))
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
      // Its own run sees the result as the later ones will.
      const result = json === undefined ? [] : [JSON.parse(json)]
      done.set(key, result)
      return result[0]
    })
  }

  function start<Value>(what: string, run: () => Promise<Value>): Promise<Value> {
    if (used.has(what)) {
      const message = `There was a ${what} in this run before: a second one needs a key of its own`
      return Promise.reject(new TypeError(message))
    }
    used.add(what)
    const running = run()
    // Of several questions asked at once only one rejection is waited for; Lambda ends a process for the others.
    underWay.push(running.catch(() => {}))
    return running
  }

  async function questions() {
    if (pending.size === 0) return
    for (let seen = 0; seen < underWay.length; ) {
      seen = underWay.length
      await Promise.all(underWay)
    }
    const requestState = JSON.stringify({
      asked: [...pending.keys()],
      answers: Object.fromEntries(answers),
      done: Object.fromEntries(done),
    } satisfies State)
    return { inputRequests: Object.fromEntries(pending), requestState }
  }
}

/** The gateway seals it where a client carries it, but who may invoke the function may send anything. */
function parse(requestState: unknown): State {
  if (requestState === undefined || requestState === null)
    return { asked: [], answers: {}, done: {} }
  try {
    const state = JSON.parse(String(requestState))
    if (isState(state)) return state
  } catch {
    // Not JSON, so it is none of ours either.
  }
  throw new Refusal(INVALID_PARAMS, 'Invalid requestState')
}

const isState = (it: unknown): it is State =>
  isRecord(it) &&
  Array.isArray(it['asked']) &&
  it['asked'].every(key => typeof key === 'string') &&
  isRecord(it['answers']) &&
  isRecord(it['done']) &&
  Object.values(it['done']).every(result => Array.isArray(result) && result.length < 2)

/** Ends a run that has to ask first. An author who catches it changes nothing: the question is asked. */
class QuestionPending extends Error {
  override readonly name = 'QuestionPending'

  constructor(key: string) {
    super(
      `"${key}" is asked now: let this error pass. The function is called again, from its top, with the answer`,
    )
  }
}
