import type { RegistrationInput } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type Call, type Context, contextOf, type LambdaContext, type Send } from './context.ts'
import { roundsOf } from './input-required.ts'
import {
  type CompleteResult,
  type FinalLine,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  INVALID_REQUEST,
  isRecord,
  METHOD_NOT_FOUND,
  Refusal,
} from './mcp-results.ts'

/** What all three definitions come down to. */
export interface Item {
  type: Call['type']
  name: string
  method: 'tools/call' | 'resources/read' | 'prompts/get'
  answer(params: Record<string, unknown>, ctx: Context, event: McpEvent): Promise<object>
  complete: Completions | undefined
  /** How an error that the author's code threw is told. */
  failed?(message: string): object
  /** The registration, without what is the administrator's. */
  describe(): object & Partial<RegistrationInput>
}

/** By argument or variable: the values to offer for what the user has typed so far. */
export type Completions = Record<
  string,
  (
    value: string,
    call: Call & {
      /** What has been filled in already. */
      readonly arguments: Record<string, string>
    },
  ) => readonly string[] | Promise<readonly string[]>
>

interface McpEvent {
  method: string
  params: Record<string, unknown>
  context: Call & { variables?: Record<string, string | string[]> }
}

/** Runs a function once. What it says meanwhile goes to `send`; the final line is what it returns, as JSON. */
export async function finalLine(
  item: Item,
  event: unknown,
  send: Send,
  lambda: LambdaContext,
): Promise<string> {
  try {
    return JSON.stringify(await answer(item, event, send, lambda))
  } catch (error) {
    return JSON.stringify(failure(item, error))
  }
}

async function answer(
  item: Item,
  event: unknown,
  send: Send,
  lambda: LambdaContext,
): Promise<FinalLine> {
  if (!isEvent(event))
    throw new Refusal(
      INVALID_REQUEST,
      `The event of the ${item.type} "${item.name}" is no MCP request: is it registered with "contract": "mcp"?`,
    )
  const { method, params, context } = event
  if (method === 'completion/complete') return { result: { ...(await complete(item, event)) } }
  if (method !== item.method)
    throw new Refusal(
      METHOD_NOT_FOUND,
      `"${item.name}" is a ${item.type}, which answers ${item.method} and not ${method}`,
    )
  const rounds = roundsOf(params)
  const ctx = contextOf(context, rounds, send, lambda)
  // Whether it returned or threw, having asked it has to be asked: the author may have caught what ended the run.
  const outcome = await settled(() => item.answer(params, ctx, event))
  const questions = await rounds.questions()
  if (questions) return { result: { resultType: 'input_required', ...questions } }
  if ('error' in outcome) throw outcome.error
  return { result: { ...outcome.value } }
}

async function settled(
  run: () => Promise<object>,
): Promise<{ value: object } | { error: unknown }> {
  try {
    return { value: await run() }
  } catch (error) {
    return { error }
  }
}

/** https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion */
const MAX_VALUES = 100

async function complete(
  { complete, name }: Item,
  { params, context }: McpEvent,
): Promise<CompleteResult> {
  const { argument, context: { arguments: others = {} } = {} } = params as {
    argument?: { name?: unknown; value?: unknown }
    context?: { arguments?: Record<string, string> }
  }
  const key = String(argument?.name)
  const offer = complete && Object.hasOwn(complete, key) ? complete[key] : undefined
  if (!offer) throw new Refusal(METHOD_NOT_FOUND, `"${name}" has no values to offer for "${key}"`)
  const values = await offer(String(argument?.value ?? ''), { ...context, arguments: others })
  const { length: total } = values
  return {
    completion: { values: values.slice(0, MAX_VALUES), total, hasMore: total > MAX_VALUES },
  }
}

function failure(item: Item, error: unknown): FinalLine {
  if (error instanceof Refusal) {
    const { code, message, data } = error
    return { error: { code, message, data } }
  }
  // The stack is for the author, in the function's own log.
  console.error(error)
  const message = (error instanceof Error && (error.message || error.name)) || String(error)
  return item.failed
    ? { result: { ...item.failed(message) } }
    : { error: { code: INTERNAL_ERROR, message } }
}

const isEvent = (event: unknown): event is McpEvent =>
  isRecord(event) &&
  typeof event['method'] === 'string' &&
  isRecord(event['params']) &&
  isRecord(event['context'])

export const invalid = (message: string, data?: unknown) =>
  new Refusal(INVALID_PARAMS, message, data)
