import {
  type CallToolResult,
  type CompleteResult,
  type GetPromptResult,
  type InputRequiredResult,
  isInputRequiredResult,
  type LoggingMessageNotificationParams,
  type ProgressNotificationParams,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  specTypeSchemas,
} from '@modelcontextprotocol/server'
import { isRecord } from '../../is-record.ts'
import { FunctionFailure, failureMessage } from '../failure.ts'
import type { callContext } from '../invoker.ts'
import { failedTool, places } from './arguments.ts'
import { linesOf } from './lines.ts'

/** The requests that a function with the calling contract `mcp` gets, each with its result. */
export interface Results {
  'tools/call': CallToolResult | InputRequiredResult
  'resources/read': ReadResourceResult | InputRequiredResult
  'prompts/get': GetPromptResult | InputRequiredResult
  'completion/complete': CompleteResult
}

/** The event of such a function: the MCP request itself and its context. */
export interface McpEvent {
  method: keyof Results
  /** Includes `inputResponses` and `requestState` where the function asked for input before. */
  params: Record<string, unknown>
  context: ReturnType<typeof callContext> & {
    clientCapabilities: Record<string, unknown> | undefined
    /** For a resource with a URI template: the decoded values of its variables in the URI. */
    variables?: Record<string, string | string[]> | undefined
  }
}

/** Gets a function's notifications. The next line is read when the returned promise resolves. */
export interface NotificationHandlers {
  progress(params: Omit<ProgressNotificationParams, 'progressToken'>): Promise<void>
  log(params: LoggingMessageNotificationParams): Promise<void>
}

/**
 * The calling contract `mcp`: the output of a function is lines of JSON. Zero or more notifications
 * come first, then the final line, `{"result": …}` or `{"error": {code, message, data}}`;
 * docs/function-authors.md describes them. The output of a function that failed may end as if it
 * had succeeded, so an output without a final line is a failure.
 *
 * When a function fails or breaks the contract, a tool gets a result with `isError`, and other
 * requests a `ProtocolError`. A final line with an error is always a `ProtocolError`.
 */
export async function resultOf<Method extends keyof Results>(
  method: Method,
  body: AsyncIterable<Uint8Array>,
  handlers: NotificationHandlers,
): Promise<Results[Method]> {
  try {
    return toResult(method, await finalLine(body, handlers))
  } catch (error) {
    if (!(error instanceof FunctionFailure)) throw error
    if (method === 'tools/call') return failedTool(error.message) as Results[Method]
    throw new ProtocolError(ProtocolErrorCode.InternalError, error.message)
  }
}

type Line = Record<string, unknown>

async function finalLine(
  body: AsyncIterable<Uint8Array>,
  handlers: NotificationHandlers,
): Promise<Line> {
  let final: Line | undefined
  let first = true
  for await (const text of linesOf(body)) {
    const line = first ? withoutPrelude(text) : text
    first = false
    if (line.trim() === '') continue
    if (final) throw new FunctionFailure('The function wrote output after its final line')
    const message = parse(line)
    if (message['method'] === undefined) final = message
    else await notify(message, handlers)
  }
  if (!final) throw new FunctionFailure('The function ended without a final line, so it failed')
  return final
}

/**
 * Removes the prelude that `HttpResponseStream.from` writes: status and headers, then eight NUL
 * bytes. JSON text has no NUL bytes.
 */
function withoutPrelude(line: string): string {
  const end = line.indexOf('\0'.repeat(8))
  return end < 0 ? line : line.slice(end + 8)
}

function parse(line: string): Line {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    throw new FunctionFailure('The function wrote a line that is not JSON')
  }
  if (!isRecord(message)) throw new FunctionFailure(NEITHER)
  const { method, result, error, errorType, errorMessage } = message
  if (typeof method === 'string') return message
  if (isRecord(result) ? (error ?? null) === null : isRecord(error)) return message
  // The runtime reports an exception as output of the function.
  if (errorType !== undefined || errorMessage !== undefined)
    throw new FunctionFailure(failureMessage(line))
  throw new FunctionFailure(NEITHER)
}

const NEITHER =
  'The function wrote a line that is neither a notification, {"method", "params"}, nor a final line, {"result"} or {"error"}'

async function notify({ method, params }: Line, handlers: NotificationHandlers): Promise<void> {
  if (method === 'notifications/progress') {
    // The schema requires the client's token, which functions do not know.
    const sent = isRecord(params) ? params : {}
    const { value } = checked('ProgressNotificationParams', { ...sent, progressToken: '' })
    const { progress, total, message } = value
    return handlers.progress({ progress, total, message })
  }
  if (method === 'notifications/message')
    return handlers.log(checked('LoggingMessageNotificationParams', params).value)
  throw new FunctionFailure(
    `The function wrote "${method}"; only notifications/progress and notifications/message are allowed before its final line`,
  )
}

function toResult<Method extends keyof Results>(
  method: Method,
  { result, error }: Line,
): Results[Method] {
  if (isRecord(error)) {
    const { code, message, data } = error
    if (Number.isInteger(code) && typeof message === 'string')
      throw new ProtocolError(code as number, message, data)
    throw new FunctionFailure('The function wrote an error without integer "code" and "message"')
  }
  if (isInputRequiredResult(result)) return checkedInputRequired(method, result) as Results[Method]
  const { value } = checked(SCHEMAS[method], result)
  return value as Results[Method]
}

const SCHEMAS = {
  'tools/call': 'CallToolResult',
  'resources/read': 'ReadResourceResult',
  'prompts/get': 'GetPromptResult',
  'completion/complete': 'CompleteResult',
} as const satisfies Record<keyof Results, keyof typeof specTypeSchemas>

const INPUT_METHODS = ['elicitation/create', 'sampling/createMessage', 'roots/list']

/** Checks the shape of the input requests. The SDK checks whether the client supports them. */
function checkedInputRequired(
  method: keyof Results,
  result: InputRequiredResult,
): InputRequiredResult {
  if (method === 'completion/complete')
    throw new FunctionFailure('The function asked for input, which is not allowed for a completion')
  const { inputRequests, requestState } = result
  const requests = Object.entries<unknown>(inputRequests ?? {})
  for (const [key, request] of requests)
    if (!isInputRequest(request))
      throw new FunctionFailure(
        `The function asked for input "${key}", which is not one of ${INPUT_METHODS.join(', ')} with its params`,
      )
  if (requests.length === 0 && typeof requestState !== 'string')
    throw new FunctionFailure(
      'The function asked for input, with neither inputRequests nor a requestState',
    )
  return result
}

function isInputRequest(request: unknown): boolean {
  if (!isRecord(request)) return false
  const { method, params } = request
  if (!INPUT_METHODS.some(known => known === method)) return false
  return method === 'roots/list' || isRecord(params)
}

function checked<Name extends keyof typeof specTypeSchemas>(name: Name, value: unknown) {
  const result = specTypeSchemas[name]['~standard'].validate(value)
  if (result.issues)
    throw new FunctionFailure(`The function wrote a malformed ${name}: ${places(result.issues)}`)
  return result
}
