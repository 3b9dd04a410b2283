import { appendFileSync } from 'node:fs'

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Holds no payload and no secret: names of methods, codes, and messages of `ClientError`. */
export interface Log {
  error(text: string): void
  warn(text: string): void
  info(text: string): void
  debug(text: string): void
}

/**
 * Writes to stderr, or to `file` where one is given. Some hosts take a line with the word "error"
 * for a failure, so the lines do not name their level.
 */
export function createLog(level: LogLevel, file?: string): Log {
  const limit = LOG_LEVELS.indexOf(level)
  const write = (of: LogLevel) => (text: string) => {
    if (LOG_LEVELS.indexOf(of) > limit) return
    const line = text.replace(/[\r\n]+/g, ' ')
    if (file === undefined) process.stderr.write(`mcp-lambda-sam-connect: ${line}\n`)
    else appendFileSync(file, `${new Date().toISOString()} ${of} ${line}\n`)
  }
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') }
}
