import type { LambdaContext, Send } from './context.ts'
import { finalLine, type Item } from './final-line.ts'

const ITEM = Symbol.for('mcp-lambda-sam.item')

declare const types: unique symbol

/** A Lambda handler that knows what it is, for `describe` and `testFunction`. */
export interface FunctionOf<Type extends Item['type'] = Item['type'], Args = never> {
  (event: unknown, ...rest: unknown[]): Promise<unknown>
  readonly [ITEM]: Item
  readonly [types]?: { type: Type; args: (args: Args) => void }
}

/** Lambda gives this much of a writable stream. */
interface ResponseStream {
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
 * Streams where the runtime can, which is known when the function is loaded. Elsewhere, in a test or a shell, it
 * returns the final line alone, and what it says before is lost.
 */
export function toHandler<Type extends Item['type'], Args>(item: Item): FunctionOf<Type, Args> {
  const { awslambda } = globalThis as Runtime
  const handler = awslambda?.streamifyResponse
    ? awslambda.streamifyResponse(streaming(item))
    : buffered(item)
  return Object.assign(handler, { [ITEM]: item }) as FunctionOf<Type, Args>
}

export function itemOf(handler: unknown): Item {
  const item = (handler as { [ITEM]?: Item } | undefined)?.[ITEM]
  if (!item)
    throw new TypeError('This is not a function of defineTool, defineResource or definePrompt')
  return item
}

const buffered =
  (item: Item) =>
  async (event: unknown, context: LambdaContext): Promise<unknown> =>
    JSON.parse(await finalLine(item, event, async () => {}, context ?? NO_LAMBDA))

/** A handler that is called by hand. Lambda's own limit. */
const NO_LAMBDA: LambdaContext = {
  awsRequestId: '',
  getRemainingTimeInMillis: () => 900_000,
}

function streaming(item: Item): StreamingHandler {
  return async (event, stream, context) => {
    let ended = false
    let room = Promise.resolve()
    const send: Send = line => {
      // What is left running when the final line is out must not write behind it.
      if (ended) return room
      const text = `${JSON.stringify(line)}\n`
      room = room.then(() => write(stream, text))
      return room.then(nextTurn)
    }
    const final = await finalLine(item, event, send, context)
    ended = true
    await room
    stream.write(`${final}\n`)
    stream.end()
  }
}

/** Resolves when there is room for more, or nobody left to take it. */
function write(stream: ResponseStream, text: string): Promise<void> | undefined {
  if (stream.write(text)) return
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
 * What is written leaves when the event loop turns, which promises alone do not make it do: a computation that
 * awaits nothing else would hold its progress back until it is done.
 */
const nextTurn = () => new Promise<void>(resolve => setImmediate(resolve))
