import { requestedSchema, validateForm } from './elicitation-form.ts'
import type { InputRounds, Question, Reading } from './input-required.ts'
import { isRecord } from './is-record.ts'
import type { Elicited, Root, Sample, SampleParams } from './mcp-results.ts'
import type { JsonSchema, OutputOf, Schema } from './schema.ts'

/** Who calls, by `kind`. Today every caller is an IAM identity. Another kind may follow. */
export type Caller = IamCaller

/** An IAM identity, as AWS verified it. */
export interface IamCaller {
  readonly kind: 'iam'
  /** Of an assumed role: with the role-session name, which may change. */
  readonly arn: string
  /** The ARN of the user, or of the role without its path. */
  readonly principal: string
  readonly accountId: string
  /** Of an assumed role. Who assumes a role may choose it: docs/access.md. */
  readonly sessionName?: string | undefined
  /**
   * The owner of sessions, the same for all calls of one caller. Only compare it: its form may
   * change.
   */
  readonly owner: string
}

/** The caller and the registration of one call. */
export interface Call {
  /** The type of the registration. */
  readonly type: 'tool' | 'resource' | 'prompt'
  readonly name: string
  readonly caller: Caller
  readonly sessionId?: string | undefined
  /** Sent by the client, not verified. */
  readonly clientInfo?: { name: string; version: string } | undefined
  /** What the client supports: `elicitation`, `sampling`, `roots`. */
  readonly clientCapabilities?: Record<string, unknown> | undefined
  /** W3C trace context: https://www.w3.org/TR/trace-context/ */
  readonly traceparent?: string | undefined
}

/** The part of Lambda's context object that also exists in tests. */
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

/** What a function can use during a call. */
export interface Context extends Call {
  readonly lambda: LambdaContext
  /**
   * Aborts half a second before the time-out of the function. It does not abort when the client
   * cancels: Lambda does not report that.
   */
  readonly signal: AbortSignal
  /**
   * Sends `notifications/progress` to a client that asked for it. `progress` must grow. Await
   * it: the notification is sent during the await, and the await applies the back-pressure of a
   * slow client.
   */
  progress(progress: number, more?: { total?: number; message?: string }): Promise<void>
  /**
   * Sends any JSON to the client's log, if the client's log level allows it. Await it, as
   * `progress`.
   */
  log(level: LogLevel, data: unknown, logger?: string): Promise<void>
  /**
   * Asks the user to fill in a form. Without a schema it asks the user to agree. **Ends this run of
   * the function** until the user has responded: the function is called again and runs from its top
   * to here. If the content does not match the schema, the user is asked again and sees the faults.
   * `requestedSchema` is for a schema that cannot be converted to JSON Schema.
   */
  elicit<const S extends Schema = Empty>(
    key: string,
    question: { message: string; schema?: S; requestedSchema?: JsonSchema },
  ): Promise<Elicited<OutputOf<S>>>
  /** Asks the client's model. Ends this run until there is a response, as `elicit`. */
  sample(key: string, params: SampleParams): Promise<Sample>
  /** Asks for the client's folders. Ends this run until there is a response, as `elicit`. */
  roots(key?: string): Promise<Root[]>
  /**
   * Runs `act` once per request. The runs after a question get the first result, after a JSON
   * round trip. The result travels through the client, which can read it but not change it. If
   * `act` fails, the next run tries again. A new request of the client runs it again.
   */
  once<Value>(key: string, act: () => Value | Promise<Value>): Promise<Value>
}

type Empty = { readonly type: 'object'; readonly properties: Record<never, never> }

const EMPTY: Empty = { type: 'object', properties: {} }

/** Writes one line. Resolves when the stream has room for more. */
export type Send = (line: object) => Promise<void>

/** Lambda ends a function without a warning. This is the time left to send a result. */
const DEADLINE_MARGIN_MS = 500

export function contextOf(
  call: Call,
  rounds: InputRounds,
  send: Send,
  lambda: LambdaContext,
): Context {
  const time = lambda.getRemainingTimeInMillis() - DEADLINE_MARGIN_MS
  return {
    ...call,
    lambda,
    signal: AbortSignal.timeout(Math.max(0, Math.floor(time))),
    progress: (progress, { total, message } = {}) =>
      notify(async () => {
        if (!Number.isFinite(progress))
          throw new TypeError(`progress must be a finite number, not ${progress}`)
        await send({ method: 'notifications/progress', params: { progress, total, message } })
      }),
    log: (level, data, logger) =>
      notify(async () => {
        if (!LEVELS.includes(level))
          throw new TypeError(`"${level}" is not a log level: use one of ${LEVELS.join(', ')}`)
        const params = { level, logger, data: data ?? null }
        await send({ method: 'notifications/message', params })
      }),
    // Return the same promise. Wrapping it would create a second rejection that may go unhandled.
    elicit<const S extends Schema>(
      key: string,
      { message, schema, requestedSchema }: Parameters<Context['elicit']>[1],
    ) {
      return rounds.ask(key, response =>
        readForm(key, message, schema ?? EMPTY, requestedSchema, response),
      ) as Promise<Elicited<OutputOf<S>>>
    },
    sample: (key, params) =>
      rounds.ask<Sample>(key, response =>
        isSample(response)
          ? { value: response }
          : { ask: { method: 'sampling/createMessage', params: { ...params } } },
      ),
    roots: (key = 'roots') =>
      rounds.ask<Root[]>(key, response =>
        isRoots(response) ? { value: response.roots } : { ask: { method: 'roots/list' } },
      ),
    once: rounds.once,
  }
}

/** Lambda ends the process for an unhandled rejection, which is too much where no `await` waits. */
function notify(run: () => Promise<void>): Promise<void> {
  const sent = run()
  sent.catch(error => console.error(error))
  return sent
}

async function readForm(
  key: string,
  message: string,
  schema: Schema,
  jsonSchema: JsonSchema | undefined,
  response: unknown,
): Promise<Reading<Elicited>> {
  // Built in every round, so that an invalid schema fails in the first one.
  const form = requestedSchema(key, schema, jsonSchema)
  const ask = (message: string): { ask: Question } => ({
    ask: { method: 'elicitation/create', params: { message, requestedSchema: form } },
  })
  const { action, content = {} } = isRecord(response) ? response : {}
  if (action === 'decline' || action === 'cancel') return { value: { action } }
  if (action !== 'accept') return ask(message)
  const filled = await validateForm(schema, content)
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
