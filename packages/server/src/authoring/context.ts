import { filledIn, requestedSchema } from './elicitation-form.ts'
import type { Question, Reading, Rounds } from './input-required.ts'
import {
  type Elicited,
  isRecord,
  type Root,
  type Sample,
  type SampleParams,
} from './mcp-results.ts'
import type { JsonSchema, OutputOf, Schema } from './schema.ts'

/** Who calls, and for what. */
export interface Call {
  /** As which item the function is registered. */
  readonly type: 'tool' | 'resource' | 'prompt'
  readonly name: string
  /** As IAM verified it. */
  readonly caller: { arn: string; principal: string; accountId: string }
  readonly sessionId?: string | undefined
  /** What the client says of itself. */
  readonly clientInfo?: { name: string; version: string } | undefined
  /** What the client can be asked for: `elicitation`, `sampling`, `roots`. */
  readonly clientCapabilities?: Record<string, unknown> | undefined
  /** W3C trace context. */
  readonly traceparent?: string | undefined
}

/** The part of Lambda's context object that is there wherever the function runs. */
export interface LambdaContext {
  readonly awsRequestId: string
  getRemainingTimeInMillis(): number
}

export type LogLevel = (typeof LEVELS)[number]

const LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const

/** What a function can do while it answers. */
export interface Context extends Call {
  readonly lambda: LambdaContext
  /** Aborted half a second before Lambda ends the function. A client that cancels is not heard of: Lambda does not tell. */
  readonly signal: AbortSignal
  /**
   * Reports how far the work is, to a client that wants to know; `progress` must grow. Await it: that is when the
   * report leaves, also in the middle of a computation, and how a slow client slows the function down.
   */
  progress(progress: number, more?: { total?: number; message?: string }): Promise<void>
  /** Writes any JSON to the client's log, if its level lets it through. Await it, as `progress`. */
  log(level: LogLevel, data: unknown, logger?: string): Promise<void>
  /**
   * Asks the user to fill in a form, or, without a schema, to agree. **Ends this run of the function** where there is no
   * answer yet: it is called again, and runs from its top to here. Content that does not fit the schema is asked
   * for again, with what is wrong with it. `requestedSchema` is for a schema that cannot write itself as JSON Schema.
   */
  elicit<const S extends Schema = Empty>(
    key: string,
    question: { message: string; schema?: S; requestedSchema?: JsonSchema },
  ): Promise<Elicited<OutputOf<S>>>
  /** Asks the client's model. Ends this run where there is no answer yet, as `elicit`. */
  sample(key: string, params: SampleParams): Promise<Sample>
  /** Asks for the folders the client works in. Ends this run where there is no answer yet, as `elicit`. */
  roots(key?: string): Promise<Root[]>
  /**
   * Does something that must not be done again by the runs that follow a question: they get the result of the first,
   * as JSON gives it. It travels with the question, by way of the client, who can read it but not change it.
   * What fails was not done. A request that the client sends anew is another one.
   */
  once<Value>(key: string, act: () => Value | Promise<Value>): Promise<Value>
}

type Empty = { readonly type: 'object'; readonly properties: Record<never, never> }

const EMPTY: Empty = { type: 'object', properties: {} }

/** Writes one line; resolves when there is room for more. */
export type Send = (line: object) => Promise<void>

/** Lambda ends a function without a word, so this is what is left for saying why. */
const FAREWELL_MS = 500

export function contextOf(call: Call, rounds: Rounds, send: Send, lambda: LambdaContext): Context {
  const time = lambda.getRemainingTimeInMillis() - FAREWELL_MS
  return {
    ...call,
    lambda,
    signal: AbortSignal.timeout(Math.max(0, Math.floor(time))),
    async progress(progress, { total, message } = {}) {
      if (!Number.isFinite(progress))
        throw new TypeError(`${progress} is not a measure of progress`)
      const params = { progress, total, message }
      await send({ method: 'notifications/progress', params })
    },
    async log(level, data, logger) {
      if (!LEVELS.includes(level))
        throw new TypeError(`"${level}" is not a log level: one of ${LEVELS.join(', ')} is`)
      await send({ method: 'notifications/message', params: { level, logger, data: data ?? null } })
    },
    // The very promise of the rounds: one that waits for it would be one more that nobody may wait for.
    elicit<const S extends Schema>(
      key: string,
      { message, schema, requestedSchema }: Parameters<Context['elicit']>[1],
    ) {
      return rounds.answer(key, answer =>
        readForm(key, message, schema ?? EMPTY, requestedSchema, answer),
      ) as Promise<Elicited<OutputOf<S>>>
    },
    sample: (key, params) =>
      rounds.answer<Sample>(key, answer =>
        isSample(answer)
          ? { value: answer }
          : { ask: { method: 'sampling/createMessage', params: { ...params } } },
      ),
    roots: (key = 'roots') =>
      rounds.answer<Root[]>(key, answer =>
        isRoots(answer) ? { value: answer.roots } : { ask: { method: 'roots/list' } },
      ),
    once: rounds.once,
  }
}

async function readForm(
  key: string,
  message: string,
  schema: Schema,
  beside: JsonSchema | undefined,
  answer: unknown,
): Promise<Reading<Elicited>> {
  // Made in every round: a schema that cannot be asked with is a mistake to hear of at once.
  const form = requestedSchema(key, schema, beside)
  const ask = (message: string): { ask: Question } => ({
    ask: { method: 'elicitation/create', params: { message, requestedSchema: form } },
  })
  const { action, content = {} } = isRecord(answer) ? answer : {}
  if (action === 'decline' || action === 'cancel') return { value: { action } }
  if (action !== 'accept') return ask(message)
  const filled = await filledIn(schema, content)
  return 'value' in filled
    ? { value: { action, content: filled.value } }
    : ask(`${message}\n\nThe answer did not fit. ${filled.faults}`)
}

const isSample = (it: unknown): it is Sample =>
  isRecord(it) && typeof it['role'] === 'string' && isRecord(it['content'])

const isRoots = (it: unknown): it is { roots: Root[] } =>
  isRecord(it) &&
  Array.isArray(it['roots']) &&
  it['roots'].every(root => isRecord(root) && typeof root['uri'] === 'string')
