import { AsyncLocalStorage } from 'node:async_hooks'
import type { ServerContext } from '@modelcontextprotocol/server'

import type { McpEvent } from '../../invoker/contracts/mcp.ts'
import { isRecord } from '../../is-record.ts'
import { changesNumbers, type ExactJson, parseExact } from '../../json/exact-numbers.ts'

/** The JSON of a client, of which JavaScript would change a number: one message or a batch. */
interface ExactBody extends ExactJson {
  /** The same as JavaScript parses it. */
  plain: unknown
}

/** The SDK hands on parsed values only, so the text goes beside it. */
const bodies = new AsyncLocalStorage<ExactBody>()

/**
 * Serves a message, or a batch. Functions that are called meanwhile get the numbers in their
 * arguments with the digits that the client has written, such as integers beyond 2^53.
 */
export function withExactArguments<Result>(
  text: string,
  plain: unknown,
  serve: () => Result,
): Result {
  const isNeeded = changesNumbers(text) || [plain].flat().some(hasProto)
  return isNeeded ? bodies.run({ ...parseExact(text), plain }, serve) : serve()
}

/** The arguments as the client sent them. The SDK leaves out one with the name `__proto__`. */
export function sentArguments(args: Record<string, unknown>, ctx: ServerContext) {
  const body = bodies.getStore()
  return (body && argumentsIn(body, body.plain, ctx)) ?? args
}

const hasProto = (message: unknown) =>
  Object.hasOwn(Object(argumentsOf(message)) as object, '__proto__')

/** The event for a tool with the calling contract `arguments`, as JSON. */
export function argumentsEvent(args: unknown, ctx: ServerContext): string {
  const body = bodies.getStore()
  const exact = body && exactArguments(body, ctx)
  return exact ? body.stringify(exact) : JSON.stringify(args)
}

/** The event for a function with the calling contract `mcp`, as JSON. */
export function mcpEvent(event: McpEvent, ctx: ServerContext): string {
  const body = bodies.getStore()
  const exact = body && exactArguments(body, ctx)
  if (!exact || event.method !== 'tools/call') return JSON.stringify(event)
  return body.stringify({ ...event, params: { ...event.params, arguments: exact } })
}

/** The parameters of a request, and `JSON.stringify` for them, with exact numbers. */
export function exactParams(params: Record<string, unknown>, ctx: ServerContext) {
  const body = bodies.getStore()
  const exact = body && exactArguments(body, ctx)
  return exact
    ? { params: { ...params, arguments: exact }, stringify: body.stringify }
    : { params, stringify: (value: unknown) => JSON.stringify(value) }
}

const exactArguments = (body: ExactBody, ctx: ServerContext) => argumentsIn(body, body.value, ctx)

/** The arguments of the current request, in one of the two forms of the body. */
function argumentsIn({ plain }: ExactBody, form: unknown, { mcpReq: { id } }: ServerContext) {
  // Only a batch has several messages: `/sse` gives a request another id.
  const index = Array.isArray(plain) ? plain.findIndex(it => isRecord(it) && it['id'] === id) : 0
  return argumentsOf([form].flat()[index])
}

function argumentsOf(message: unknown) {
  const params = isRecord(message) ? message['params'] : undefined
  return isRecord(params) && isRecord(params['arguments']) ? params['arguments'] : undefined
}
