import type { LambdaContext, Send } from './context.ts'
import type { Definition } from './definition.ts'
import { finalLine } from './final-line.ts'

// Symbol.for: a bundled function has a copy of this module.
const DEFINITION = Symbol.for('mcp-lambda-sam.definition')

declare const types: unique symbol

/** A Lambda handler with its definition, for `describe` and `testFunction`. */
export interface FunctionOf<Type extends Definition['type'] = Definition['type'], Args = never> {
  (event: unknown, ...rest: unknown[]): Promise<unknown>
  readonly [DEFINITION]: Definition
  readonly [types]?: { type: Type; args: (args: Args) => void }
}

/** The part of Lambda's response stream that is used here. */
interface ResponseStream {
  readonly destroyed?: boolean
  write(chunk: string): boolean
  end(): void
  once(event: string, listener: () => void): void
  off(event: string, listener: () => void): void
}

type StreamingHandler = (
  event: unknown,
  stream: ResponseStream,
  context: LambdaContext,
) => Promise<void>

interface Runtime {
  awslambda?: { streamifyResponse?: (handler: StreamingHandler) => StreamingHandler }
}

/**
 * A streaming handler in Lambda's runtime, which is detected when the function is loaded.
 * Elsewhere, in a test or a shell, the handler returns the final line and drops the
 * notifications.
 */
export function toHandler<Type extends Definition['type'], Args>(
  definition: Definition,
): FunctionOf<Type, Args> {
  const { awslambda } = globalThis as Runtime
  const handler = awslambda?.streamifyResponse
    ? awslambda.streamifyResponse(streaming(definition))
    : buffered(definition)
  return Object.assign(handler, { [DEFINITION]: definition }) as FunctionOf<Type, Args>
}

/** Throws a `TypeError` for a handler that was not made with one of the three functions. */
export function definitionOf(handler: unknown): Definition {
  const definition = (handler as { [DEFINITION]?: Definition } | undefined)?.[DEFINITION]
  if (!definition)
    throw new TypeError(
      'The handler was not made with defineTool, defineResource or definePrompt: export its result',
    )
  return definition
}

const buffered =
  (definition: Definition) =>
  async (event: unknown, context?: Partial<LambdaContext>): Promise<unknown> => {
    const lambda = isLambdaContext(context) ? context : { ...NO_LAMBDA, ...context }
    return JSON.parse(await finalLine(definition, event, async () => {}, lambda))
  }

const isLambdaContext = (it: Partial<LambdaContext> | undefined): it is LambdaContext =>
  typeof it?.getRemainingTimeInMillis === 'function'

/** For a test, which has a part of Lambda's context or none. 900 seconds is Lambda's limit. */
const NO_LAMBDA: LambdaContext = {
  awsRequestId: '',
  getRemainingTimeInMillis: () => 900_000,
}

function streaming(definition: Definition): StreamingHandler {
  return async (event, stream, context) => {
    let ended = false
    let room = Promise.resolve()
    const send: Send = line => {
      // A call that the author did not await must not write after the final line.
      if (ended) return room
      const text = `${JSON.stringify(line)}\n`
      room = room.then(() => write(stream, text))
      return room.then(nextTurn)
    }
    const final = await finalLine(definition, event, send, context)
    ended = true
    await room
    stream.write(`${final}\n`)
    stream.end()
  }
}

/** Resolves when the stream has room for more, or is closed. */
function write(stream: ResponseStream, text: string): Promise<void> | undefined {
  // Closed before: no event follows.
  if (stream.destroyed || stream.write(text)) return
  const events = ['drain', 'close', 'error']
  return new Promise(resolve => {
    const done = () => {
      for (const event of events) stream.off(event, done)
      resolve()
    }
    for (const event of events) stream.once(event, done)
  })
}

/**
 * Node sends what was written when the event loop turns. Promises alone do not turn it: a
 * computation that awaits nothing else would send its progress only at its end.
 */
const nextTurn = () => new Promise<void>(resolve => setImmediate(resolve))
