import { contextOf, type LambdaContext, type Send } from './context.ts'
import type { Definition, McpEvent } from './definition.ts'
import { inputRounds } from './input-required.ts'
import { isRecord } from './is-record.ts'
import { INTERNAL_ERROR, INVALID_REQUEST, JsonRpcError, METHOD_NOT_FOUND } from './jsonrpc-error.ts'
import type { CompleteResult, FinalLine } from './mcp-results.ts'

/**
 * Runs a function once. Notifications go to `send`. Resolves with the final line: the JSON of
 * an MCP result, of an `input_required` result, or of a JSON-RPC error. Never rejects.
 */
export async function finalLine(
  definition: Definition,
  event: unknown,
  send: Send,
  lambda: LambdaContext,
): Promise<string> {
  try {
    return JSON.stringify(await handle(definition, event, send, lambda))
  } catch (error) {
    return JSON.stringify(toFailure(definition, error))
  }
}

async function handle(
  definition: Definition,
  event: unknown,
  send: Send,
  lambda: LambdaContext,
): Promise<FinalLine> {
  const { type, name } = definition
  if (!isMcpEvent(event))
    throw new JsonRpcError(
      INVALID_REQUEST,
      `The event of the ${type} "${name}" is not an MCP request: is it registered with "contract": "mcp"?`,
    )
  const { method, params, context } = event
  if (method === 'completion/complete')
    return { result: { ...(await complete(definition, event)) } }
  if (method !== definition.method)
    throw new JsonRpcError(
      METHOD_NOT_FOUND,
      `"${name}" is a ${type}: it accepts ${definition.method}, not ${method}`,
    )
  const rounds = inputRounds(params)
  const ctx = contextOf(context, rounds, send, lambda)
  // A question is asked whether the run returned or threw: the author may have caught its error.
  const outcome = await settle(() => definition.run(params, ctx, event))
  const questions = await rounds.questions()
  if (questions) {
    // For the gateway, which removes it.
    const singleUse = definition.singleUse ? { singleUse: true } : {}
    return { result: { resultType: 'input_required', ...questions, ...singleUse } }
  }
  if ('error' in outcome) throw outcome.error
  return { result: { ...outcome.value } }
}

async function settle(run: () => Promise<object>): Promise<{ value: object } | { error: unknown }> {
  try {
    return { value: await run() }
  } catch (error) {
    return { error }
  }
}

/** https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion */
const MAX_VALUES = 100

async function complete(
  { complete, name }: Definition,
  { params, context }: McpEvent,
): Promise<CompleteResult> {
  const { argument, context: { arguments: others = {} } = {} } = params as {
    argument?: { name?: unknown; value?: unknown }
    context?: { arguments?: Record<string, string> }
  }
  const key = String(argument?.name)
  const offer = complete && Object.hasOwn(complete, key) ? complete[key] : undefined
  if (!offer)
    throw new JsonRpcError(METHOD_NOT_FOUND, `"${name}" has no values to offer for "${key}"`)
  const values = await offer(String(argument?.value ?? ''), { ...context, arguments: others })
  const { length: total } = values
  return {
    completion: { values: values.slice(0, MAX_VALUES), total, hasMore: total > MAX_VALUES },
  }
}

function toFailure({ toErrorResult }: Definition, error: unknown): FinalLine {
  if (error instanceof JsonRpcError) {
    const { code, message, data } = error
    return { error: { code, message, data } }
  }
  // The client gets the message. The stack is for the author, in the function's log.
  console.error(error)
  const message = messageOf(error)
  return toErrorResult
    ? { result: { ...toErrorResult(message) } }
    : { error: { code: INTERNAL_ERROR, message } }
}

/** Any value may be thrown, also one that cannot be converted to text. */
function messageOf(error: unknown): string {
  try {
    if (typeof error !== 'object' || error === null) return String(error)
    const { message, errors, name } = error as Partial<AggregateError>
    if (message) return String(message)
    // Node rejects so where no address of a host can be reached.
    if (Array.isArray(errors) && errors.length > 0) return errors.map(messageOf).join('; ')
    return String(name || NO_MESSAGE)
  } catch {
    return 'The function failed with an error that cannot be shown'
  }
}

const NO_MESSAGE = 'The function threw an object without a message: throw an Error'

const isMcpEvent = (event: unknown): event is McpEvent =>
  isRecord(event) &&
  typeof event['method'] === 'string' &&
  isRecord(event['params']) &&
  isRecord(event['context'])
