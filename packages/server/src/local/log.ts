import { isRecord } from '../is-record.ts'

/** A line that a function wrote, or a report of the gateway itself. */
export interface LogEntry {
  /** `info` for every line of a function. A JSON line has the level of its own entry. */
  level: 'info' | 'warn' | 'error'
  /** Absent for reports of the gateway. */
  functionName?: string
  /** The invocation that was running. */
  requestId?: string
  message: string
}

export type Log = (entry: LogEntry) => void

/** An entry of the gateway's own functions that reports no problem. */
export const isRoutine = ({ functionName = '', message }: LogEntry) =>
  /^mcp-lambda-sam-mcp(-registration)?$/.test(functionName) &&
  parseJsonLine(message)?.level === 'INFO'

/** Writes readable lines to stderr. stdout belongs to the output of the command. */
export function writeLog(entry: LogEntry) {
  process.stderr.write(formatLogEntry(entry))
}

/**
 * `function LEVEL | message name=value …`, without the level for `info`. The stack of an error
 * follows on lines of its own, and so do the other lines of a message. A terminal may take the
 * control characters of eight bits for commands. Functions colour their lines with those of seven.
 */
export function formatLogEntry(entry: LogEntry): string {
  const { functionName = 'gateway' } = entry
  const { label, text } = readableEntry(entry)
  const prefix = label === 'INFO' ? functionName : `${functionName} ${label}`
  return text
    .replace(/[\u0080-\u009f]/g, ' ')
    .split('\n')
    .map(line => `${prefix} | ${line}\n`)
    .join('')
}

/** The same without the prefix. A JSON line has a label of its own, such as `ERROR`. */
export function readableEntry({ level, message }: LogEntry): { label: string; text: string } {
  const json = parseJsonLine(message)
  const label = (json?.level ?? level).toUpperCase()
  return { label, text: json ? formatJsonEntry(json) : formatTextLine(message) }
}

/** What the runtime writes for one console call, with `LogFormat: JSON`. */
interface JsonEntry {
  level: string
  requestId?: string
  message: unknown
  /** Of an entry that a function wrote as one line of JSON, beside its message. */
  fields: Record<string, unknown>
}

function parseJsonLine(line: string): JsonEntry | undefined {
  const entry = line.startsWith('{"timestamp":') ? parseJson(line) : undefined
  if (!isRecord(entry) || typeof entry['level'] !== 'string' || !('message' in entry)) return
  const { timestamp, level, requestId, message, ...fields } = entry
  return { level, message, fields, ...(typeof requestId === 'string' && { requestId }) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A function may print anything. The line is shown as it is.
    return undefined
  }
}

function formatJsonEntry({ message, requestId = '-', fields: beside }: JsonEntry): string {
  const error = toLoggedError(message)
  const entry = isRecord(message) ? message : { message, ...beside }
  const { message: title, ...fields } = error ? ownFields(entry, error) : entry
  const shown = requestId === '-' ? fields : { requestId, ...fields }
  const stacks = error ? stackLines(error) : []
  const pairs = Object.entries(shown).flatMap(([name, value]) => {
    const failure = toLoggedError(value)
    if (failure) stacks.push(...stackLines(failure))
    return value === undefined ? [] : [`${name}=${formatValue(failure ? summary(failure) : value)}`]
  })
  const text = typeof title === 'string' ? title : JSON.stringify(title)
  const lines = [[text, ...pairs].filter(Boolean).join(' '), ...stacks]
  // A client chose some of the values, which must not move the cursor of the terminal.
  return lines.join('\n').replace(/(?![\n\t])\p{Cc}/gu, ' ')
}

/** Quoted if it contains white space, quotes or an equals sign. */
const formatValue = (value: unknown) =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)

interface LoggedError {
  name: string
  message: string
  stack: string[]
  cause?: unknown
}

/** An error of the gateway's log entries, or of the runtime. */
function toLoggedError(value: unknown): LoggedError | undefined {
  if (!isRecord(value)) return undefined
  const { name = value['errorType'], message = value['errorMessage'], stack, stackTrace } = value
  if (typeof name !== 'string' || typeof message !== 'string') return undefined
  const lines = Array.isArray(stackTrace) ? stackTrace.map(String) : String(stack ?? '').split('\n')
  return { name, message, stack: lines, cause: value['cause'] }
}

/** An error that was logged alone: its summary as message, and the fields that its author added. */
function ownFields(entry: Record<string, unknown>, error: LoggedError): Record<string, unknown> {
  const own = Object.entries(entry).filter(([name]) => !ERROR_FIELDS.has(name))
  return { ...Object.fromEntries(own), message: summary(error) }
}

const ERROR_FIELDS = new Set([
  ...['name', 'message', 'stack', 'cause'],
  ...['errorType', 'errorMessage', 'stackTrace'],
])

const summary = ({ name, message }: LoggedError) => `${name}: ${message}`

/** The frames of the stack and of its causes. The message is part of the entry already. */
function stackLines({ stack, cause }: LoggedError): string[] {
  const frames = stack.filter(line => /^\s+at /.test(line))
  const reason = toLoggedError(cause)
  return reason ? [...frames, `caused by ${summary(reason)}`, ...stackLines(reason)] : frames
}

/** The text format has carriage returns for line feeds, and the JSON of an error for its stack. */
function formatTextLine(line: string) {
  const text = line.replaceAll('\r', '\n')
  const [, head, json] = /^(.*(?:Invoke|Init) Error) \t(\{.*\})$/s.exec(text) ?? []
  const error = json === undefined ? undefined : parseJson(json)
  if (!head || !isRecord(error) || !Array.isArray(error['stack'])) return text
  return [head, ...error['stack']].join('\n')
}
