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
import { reasonOf } from '../buffered.ts'
import { type callContext, FunctionFailure } from '../invoker.ts'
import { failedTool, places } from './arguments.ts'
import { linesOf } from './lines.ts'

/** The requests a function with the contract `mcp` gets, each with what answers it. */
export interface Results {
  'tools/call': CallToolResult | InputRequiredResult
  'resources/read': ReadResourceResult | InputRequiredResult
  'prompts/get': GetPromptResult | InputRequiredResult
  'completion/complete': CompleteResult
}

/** The event of such a function: the MCP request itself, and who sent it. */
export interface McpEvent {
  method: keyof Results
  /** Where the function asked for input before: `inputResponses` and `requestState`, beside the others. */
  params: Record<string, unknown>
  context: ReturnType<typeof callContext> & {
    clientCapabilities: Record<string, unknown> | undefined
    /** Of a resource with a URI template: the values in the URI that is read, decoded. */
    variables?: Record<string, string | string[]> | undefined
  }
}

/** Who hears what a function says before it answers. Nothing more is read from it until that is taken. */
export interface Listener {
  progress(params: Omit<ProgressNotificationParams, 'progressToken'>): Promise<void>
  log(params: LoggingMessageNotificationParams): Promise<void>
}

/**
 * The contract `mcp`: a function answers in lines of JSON, zero or more notifications and then the final line,
 * `{"result": …}` or `{"error": {code, message, data}}`; docs/function-authors.md has them all. A streamed
 * function that fails may end like one that succeeds, so it is the final line that tells them apart.
 *
 * A function that fails or breaks the contract is, for a tool, a result with `isError`; for the others, and
 * for an error that a function answers, it is a `ProtocolError`.
 */
export async function resultOf<Method extends keyof Results>(
  method: Method,
  body: AsyncIterable<Uint8Array>,
  listener: Listener,
): Promise<Results[Method]> {
  try {
    return toResult(method, await finalLine(body, listener))
  } catch (error) {
    if (!(error instanceof FunctionFailure)) throw error
    if (method === 'tools/call') return failedTool(error.message) as Results[Method]
    throw new ProtocolError(ProtocolErrorCode.InternalError, error.message)
  }
}

type Line = Record<string, unknown>

async function finalLine(body: AsyncIterable<Uint8Array>, listener: Listener): Promise<Line> {
  let final: Line | undefined
  let first = true
  for await (const text of linesOf(body)) {
    const line = first ? withoutPrelude(text) : text
    first = false
    if (line.trim() === '') continue
    if (final) throw new FunctionFailure('The function went on writing after its final line')
    const message = parse(line)
    if (message['method'] === undefined) final = message
    else await hear(message, listener)
  }
  if (!final) throw new FunctionFailure('The function ended without a final line, so it failed')
  return final
}

/**
 * What `HttpResponseStream.from` writes first: status and headers, closed by eight NUL bytes. JSON has none,
 * so these bytes are nothing else.
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
  // What the runtime answers for a function that threw; Lambda passes it on like an answer.
  if (errorType !== undefined || errorMessage !== undefined)
    throw new FunctionFailure(reasonOf(line))
  throw new FunctionFailure(NEITHER)
}

const NEITHER =
  'The function wrote a line that is neither a notification, {"method", "params"}, nor a final line, {"result"} or {"error"}'

async function hear({ method, params }: Line, listener: Listener): Promise<void> {
  if (method === 'notifications/progress') {
    // The token is the client's; functions need not know it.
    const progressToken = ''
    const { value } = checked('ProgressNotificationParams', { ...Object(params), progressToken })
    const { progress, total, message } = value
    return listener.progress({ progress, total, message })
  }
  if (method === 'notifications/message')
    return listener.log(checked('LoggingMessageNotificationParams', params).value)
  throw new FunctionFailure(
    `The function wrote "${method}"; before its final line only notifications/progress and notifications/message may come`,
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
    throw new FunctionFailure('The function answered an error without integer "code" and "message"')
  }
  if (isInputRequiredResult(result)) return asking(method, result) as Results[Method]
  const { value } = checked(SCHEMAS[method], result)
  return value as Results[Method]
}

const SCHEMAS = {
  'tools/call': 'CallToolResult',
  'resources/read': 'ReadResourceResult',
  'prompts/get': 'GetPromptResult',
  'completion/complete': 'CompleteResult',
} as const satisfies Record<keyof Results, keyof typeof specTypeSchemas>

const ASKABLE = ['elicitation/create', 'sampling/createMessage', 'roots/list']

/** The shape of what is asked. Whether the client can answer is the SDK's to check, which knows its revision. */
function asking(method: keyof Results, result: InputRequiredResult): InputRequiredResult {
  if (method === 'completion/complete')
    throw new FunctionFailure('The function asked for input, which a completion cannot do')
  const { inputRequests = {}, requestState } = result
  const requests = Object.entries(Object(inputRequests)).map(([key, it]) => ({
    key,
    ...Object(it),
  }))
  for (const { key, method: asked, params } of requests)
    if (!ASKABLE.includes(asked) || (asked !== 'roots/list' && !isRecord(params)))
      throw new FunctionFailure(
        `The function asked for input "${key}", which is not one of ${ASKABLE.join(', ')} with its params`,
      )
  if (requests.length === 0 && typeof requestState !== 'string')
    throw new FunctionFailure(
      'The function asked for input, with neither inputRequests nor a requestState',
    )
  return result
}

function checked<Name extends keyof typeof specTypeSchemas>(name: Name, value: unknown) {
  const result = specTypeSchemas[name]['~standard'].validate(value)
  if (result.issues)
    throw new FunctionFailure(`The function wrote a malformed ${name}: ${places(result.issues)}`)
  return result
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
