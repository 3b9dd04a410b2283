import { format } from 'node:util'

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const
type Level = (typeof LEVELS)[number]

/**
 * Makes `console` write one line per call, in the format and above the level of the function's
 * LoggingConfig. With JSON an object stays an object: `console.error({ message, requestId })` gives
 * `{"timestamp":…,"level":"ERROR","requestId":…,"message":{"message":…,"requestId":…}}`, and its
 * fields can be filtered.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html#nodejs-logging-advanced
 */
export function patchConsole(requestId: () => string | undefined) {
  const { AWS_LAMBDA_LOG_FORMAT: style, AWS_LAMBDA_LOG_LEVEL: minimum = 'TRACE' } = process.env
  const line = style?.toUpperCase() === 'JSON' ? jsonLine : textLine
  const least = LEVELS.indexOf(minimum.toUpperCase() as Level)

  const writer = (level: Level) =>
    LEVELS.indexOf(level) < least
      ? () => {}
      : (message?: unknown, ...rest: unknown[]) => {
          // A line feed would start a new log entry.
          const text = line(level, requestId() ?? '-', message, rest).replaceAll('\n', '\r')
          process.stdout.write(`${text}\n`)
        }

  const info = writer('INFO')
  Object.assign(console, {
    trace: writer('TRACE'),
    debug: writer('DEBUG'),
    info,
    log: info,
    warn: writer('WARN'),
    error: writer('ERROR'),
    fatal: writer('FATAL'),
  })
}

function textLine(level: Level, requestId: string, message: unknown, rest: unknown[]) {
  return [new Date().toISOString(), requestId, level, format(message, ...rest)].join('\t')
}

function jsonLine(level: Level, requestId: string, message: unknown, rest: unknown[]) {
  const entry = { timestamp: new Date().toISOString(), level, requestId }
  if (rest.length === 0) {
    try {
      return JSON.stringify({ ...entry, message }, (_, value) =>
        value instanceof Error ? { ...errorFields(value), ...value } : value,
      )
    } catch {
      // A circular object: AWS's runtime writes it as text, too.
      return JSON.stringify({ ...entry, message: format(message) })
    }
  }
  const error = rest.find(value => value instanceof Error)
  return JSON.stringify({
    ...entry,
    message: format(message, ...rest),
    ...(error && errorFields(error)),
  })
}

const errorFields = (error: Error) => ({
  errorType: error.constructor.name,
  errorMessage: error.message,
  stackTrace: error.stack?.split('\n') ?? [],
})
