/**
 * Named fields of a log entry, never a payload or a credential. `requestId` is the Lambda request
 * id, where it is known.
 */
export interface LogFields {
  requestId?: string
  /** The trace of one call, where it is another than that of its request. */
  trace_id?: string | undefined
  [name: string]: unknown
}

/** The trace of the request. An environment of Lambda serves one request at a time. */
let traceId: string | undefined

/** Entries that follow carry this trace id. */
export function followTrace(id: string | undefined) {
  traceId = id
}

/** For entries that are written as lines. */
export const followedTrace = () => traceId

/**
 * The trace has the name that OpenTelemetry gives it in logs of JSON:
 * https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
 */
const entry = (message: string, fields?: LogFields) => ({
  message,
  ...(traceId && { trace_id: traceId }),
  ...fields,
})

/**
 * Structured log entries. The console gets an object, not its JSON text: with `LogFormat: JSON`
 * Lambda stores an object as fields that CloudWatch can filter, and a text as one string. The
 * console method is the level.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html#nodejs-logging-advanced
 */
export const log = {
  info: (message: string, fields?: LogFields) => console.info(entry(message, fields)),
  warn: (message: string, fields?: LogFields) => console.warn(entry(message, fields)),
  error: (message: string, fields?: LogFields) => console.error(entry(message, fields)),
}

/**
 * Writes one line, which is JSON. The console would put it into the `message` of an entry, and
 * CloudWatch finds metrics only in the outermost object: observe/metrics.ts.
 */
export const writeLine = (json: string) => void process.stdout.write(`${json}\n`)
