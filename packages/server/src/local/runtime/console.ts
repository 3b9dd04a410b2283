import { format } from 'node:util'

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const
type Level = (typeof LEVELS)[number]

/** Makes `console` write one line per call, in the format that Lambda's log settings ask for. */
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
        value instanceof Error ? { ...described(value), ...value } : value,
      )
    } catch {
      return JSON.stringify({ ...entry, message: format(message) })
    }
  }
  const error = rest.find(value => value instanceof Error)
  return JSON.stringify({
    ...entry,
    message: format(message, ...rest),
    ...(error && described(error)),
  })
}

const described = (error: Error) => ({
  errorType: error.constructor.name,
  errorMessage: error.message,
  stackTrace: error.stack?.split('\n') ?? [],
})
