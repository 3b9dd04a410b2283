import {
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

import { cutText } from '../../http/cut-text.ts'
import { isRecord } from '../../is-record.ts'
import { isDeeperThan, MAX_DEPTH } from '../../json/depth.ts'
import { losesDigits, parseInexactAsText } from '../../json/exact-numbers.ts'
import { memberText } from '../../json/member-text.ts'
import { FunctionFailure } from '../failure.ts'
import { failureMessage } from '../failure-message.ts'
import type { callContext } from '../invoker.ts'
import { failedTool } from './arguments.ts'
import { INPUT_METHODS, isInputRequest, withoutNullMembers } from './input-request.ts'
import { linesOf } from './lines.ts'
import { checkExactly, type Issues, places, withoutNulls } from './mcp-result.ts'
import type { McpResultName } from './mcp-result-shape.ts'
import type { ToolOutput } from './structured-content.ts'

/** The requests that a function with the calling contract `mcp` gets, each with its output. */
export interface Results {
  'tools/call': ToolOutput | InputRequiredResult
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
  /** The function failed, or broke the contract. */
  failed?(): void
}

/**
 * The calling contract `mcp`: the output of a function is lines of JSON. Zero or more notifications
 * come first, then the final line, `{"result": …}` or `{"error": {code, message, data}}`;
 * docs/function-authors.md describes them. The final line counts when it is complete: what follows
 * is not read. The output of a function that failed may end as if it had succeeded, so an output
 * without a final line is a failure.
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
    return toOutput(method, await finalLine(body, handlers))
  } catch (error) {
    if (!(error instanceof FunctionFailure)) throw error
    handlers.failed?.()
    if (method === 'tools/call')
      return { result: failedTool(error.message), structuredText: () => '' } as Results[Method]
    throw new ProtocolError(ProtocolErrorCode.InternalError, error.message)
  }
}

/** A line, parsed and as it was written. */
interface Line {
  message: Record<string, unknown>
  text: string
}

async function finalLine(
  body: AsyncIterable<Uint8Array>,
  handlers: NotificationHandlers,
): Promise<Line> {
  let isEnded = true
  const lines = linesOf(body, () => {
    isEnded = false
  })
  try {
    for (let first = true; ; first = false) {
      const { done, value } = await lines.next()
      if (done) throw new FunctionFailure(`The function ended without a final line${STOPPED}`)
      const text = first ? withoutPrelude(value) : value
      if (text.trim() === '') continue
      const line = { message: parse(text, isEnded), text }
      if (typeof line.message['method'] !== 'string') return line
      await notify(line, handlers)
    }
  } finally {
    // Closes the connection. The result does not wait for that, and cannot fail by it.
    lines.return().catch(() => {})
  }
}

const STOPPED =
  ', so it failed: it timed out, was killed (for example because it ran out of memory), exited, threw an error, or wrote none. The log of the function has the reason'

/**
 * Removes the prelude that `HttpResponseStream.from` writes: status and headers, then eight NUL
 * bytes. JSON text has no NUL bytes.
 */
function withoutPrelude(line: string): string {
  const end = line.indexOf('\0'.repeat(8))
  return end < 0 ? line : line.slice(end + 8)
}

function parse(line: string, isEnded: boolean): Record<string, unknown> {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    throw new FunctionFailure(
      isEnded
        ? 'The function wrote a line that is not JSON'
        : `The function ended within a line that is not JSON, without a final line${STOPPED}`,
    )
  }
  if (!isRecord(message)) throw new FunctionFailure(NEITHER)
  if (isDeeperThan(MAX_DEPTH, line))
    throw new FunctionFailure(`The function wrote a line nested deeper than ${MAX_DEPTH} levels`)
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

async function notify(
  { message: { method, params }, text }: Line,
  handlers: NotificationHandlers,
): Promise<void> {
  if (method === 'notifications/progress') {
    // The schema requires the client's token, which functions do not know.
    const sent = withoutNulls(isRecord(params) ? params : {}) as object
    const { progress, total, message } = checked('ProgressNotificationParams', {
      ...sent,
      progressToken: '',
    })
    return handlers.progress({ progress, total, message })
  }
  if (method === 'notifications/message') {
    const { params: exact } = withInexactAsText(text, { params })
    const sent =
      isRecord(exact) && 'data' in exact
        ? { ...(withoutNulls(exact) as object), data: exact['data'] }
        : exact
    return handlers.log(checked('LoggingMessageNotificationParams', sent))
  }
  throw new FunctionFailure(
    `The function wrote "${cutText(String(method), 100)}"; only notifications/progress and notifications/message are allowed before its final line`,
  )
}

/** The value of a text. The numbers that JavaScript cannot hold are strings. */
const withInexactAsText = <Value>(text: string, value: Value): Value =>
  losesDigits(text) ? (parseInexactAsText(text) as Value) : value

function toOutput<Method extends keyof Results>(
  method: Method,
  { message: { result, error }, text }: Line,
): Results[Method] {
  if (isRecord(error)) {
    const { code, message } = error
    const { data } = withInexactAsText(text, { error }).error
    if (Number.isSafeInteger(code) && typeof message === 'string')
      throw new ProtocolError(code as number, message, data ?? undefined)
    throw new FunctionFailure('The function wrote an error without integer "code" and "message"')
  }
  if (isInputRequiredResult(result))
    return checkedInputRequired(
      method,
      withoutNulls(result) as InputRequiredResult,
    ) as Results[Method]
  const json = memberText(text, 'result') ?? ''
  const valid = checkExactly(RESULTS[method], result as Record<string, unknown>, json)
  if ('issues' in valid) throw malformed(RESULTS[method], valid.issues)
  const output: unknown =
    method === 'tools/call'
      ? { ...valid, structuredText: () => memberText(json, 'structuredContent') ?? '' }
      : valid.result
  return output as Results[Method]
}

const RESULTS = {
  'tools/call': 'CallToolResult',
  'resources/read': 'ReadResourceResult',
  'prompts/get': 'GetPromptResult',
  'completion/complete': 'CompleteResult',
} as const satisfies Record<keyof Results, McpResultName>

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
  if (requests.length === 0) return result
  const normal = requests.map(([key, request]) => [key, withoutNullMembers(request)])
  return { ...result, inputRequests: Object.fromEntries(normal) }
}

function checked<Name extends keyof typeof specTypeSchemas>(name: Name, value: unknown) {
  const result = specTypeSchemas[name]['~standard'].validate(value)
  if (result.issues) throw malformed(name, result.issues)
  return result.value
}

const malformed = (name: string, issues: Issues) =>
  new FunctionFailure(`The function wrote a malformed ${name}: ${places(issues)}`)
