import { AsyncLocalStorage } from 'node:async_hooks'
import type { ServerContext } from '@modelcontextprotocol/server'

import type { McpEvent } from '../../invoker/contracts/mcp.ts'
import { isRecord } from '../../is-record.ts'
import {
  changesNumbers,
  type ExactJson,
  parseExact,
  withNumbersOf,
} from '../../json/exact-numbers.ts'

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
  Object.hasOwn(Object(argumentsOf(paramsOf(message))) as object, '__proto__')

/** The event for a tool with the calling contract `arguments`, as JSON. */
export function argumentsEvent(args: unknown, ctx: ServerContext): string {
  const body = bodies.getStore()
  const exact = body && argumentsIn(body, body.value, ctx)
  return exact ? body.stringify(exact) : JSON.stringify(args)
}

/**
 * The event for a function with the calling contract `mcp`, as JSON.
 *
 * @param areResponsesSent whether the input responses came with the request. Otherwise the gateway
 *   has asked for them.
 */
export function mcpEvent(event: McpEvent, ctx: ServerContext, areResponsesSent: boolean): string {
  const body = bodies.getStore()
  const sent = body && paramsIn(body, body.value, ctx)
  const texts: ExactJson[] = body ? [body] : []
  const { inputResponses, ...params } = event.params
  const exact = withNumbersOf(sent, params) as Record<string, unknown>
  if (isRecord(inputResponses))
    exact['inputResponses'] = areResponsesSent
      ? withNumbersOf(sent?.['inputResponses'], inputResponses)
      : Object.fromEntries(Object.entries(inputResponses).map(exactResponse))
  const json = JSON.stringify({ ...event, params: exact })
  return texts.reduce((text, { unmark }) => unmark(text), json)

  function exactResponse([key, response]: [string, unknown]): [string, unknown] {
    const found = results.get(response as object)
    if (!found) return [key, response]
    texts.push(found)
    return [key, withNumbersOf(resultOf(found.value), response)]
  }
}

/** The parameters of a request, and `JSON.stringify` for them, with exact numbers. */
export function exactParams(params: Record<string, unknown>, ctx: ServerContext) {
  const body = bodies.getStore()
  const exact = body && argumentsIn(body, body.value, ctx)
  return exact
    ? { params: { ...params, arguments: exact }, stringify: body.stringify }
    : { params, stringify: (value: unknown) => JSON.stringify(value) }
}

/** The JSON of a message of the current body, as the client sent it. */
export function sentText(message: unknown): string {
  const body = bodies.getStore()
  const index = body ? [body.plain].flat().indexOf(message) : -1
  return body && index >= 0 ? body.stringify([body.value].flat()[index]) : JSON.stringify(message)
}

/** A request of the server that waits for the client, and the response once it is there. */
const asking = new AsyncLocalStorage<{ response?: ExactJson }>()

/** The responses of clients, by the result that the SDK makes of each. */
const results = new WeakMap<object, ExactJson>()

/** Sends a request of the server. Remembers which numbers the client has written in its result. */
export async function withExactResult<Result>(send: () => Promise<Result>): Promise<Result> {
  const asked = asking.getStore() ?? {}
  const result = await asking.run(asked, send)
  if (asked.response) results.set(result as object, asked.response)
  return result
}

/**
 * For a transport that is sending a request of the server: what it calls with the text of the
 * response.
 */
export function responseKeeper(): (text: string) => void {
  const asked = asking.getStore()
  return text => {
    if (asked && changesNumbers(text)) asked.response = parseExact(text)
  }
}

/** The arguments of the current request, in one of the two forms of the body. */
const argumentsIn = (body: ExactBody, form: unknown, ctx: ServerContext) =>
  argumentsOf(paramsIn(body, form, ctx))

function paramsIn({ plain }: ExactBody, form: unknown, { mcpReq: { id } }: ServerContext) {
  // Only a batch has several messages: `/sse` gives a request another id.
  const index = Array.isArray(plain) ? plain.findIndex(it => isRecord(it) && it['id'] === id) : 0
  return paramsOf([form].flat()[index])
}

const paramsOf = (message: unknown) => memberOf(message, 'params')
const argumentsOf = (params: unknown) => memberOf(params, 'arguments')
const resultOf = (message: unknown) => memberOf(message, 'result')

function memberOf(value: unknown, name: string): Record<string, unknown> | undefined {
  const member = isRecord(value) ? value[name] : undefined
  return isRecord(member) ? member : undefined
}
