import { appendFileSync } from 'node:fs'

import { onOneLine } from './terminal/style.ts'
import { UsageError } from './usage-error.ts'

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
 *
 * @throws UsageError where the file cannot be written. A later failure sends the line to stderr.
 */
export function createLog(level: LogLevel, file?: string): Log {
  const limit = LOG_LEVELS.indexOf(level)
  if (file !== undefined) assertWritable(file)
  const write = (of: LogLevel) => (text: string) => {
    if (LOG_LEVELS.indexOf(of) > limit) return
    const line = onOneLine(text) // it may hold text of the server
    if (file === undefined || !isAppended(file, `${new Date().toISOString()} ${of} ${line}\n`))
      process.stderr.write(`mcp-lambda-sam-connect: ${line}\n`)
  }
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') }
}

function assertWritable(file: string) {
  try {
    appendFileSync(file, '')
  } catch (error) {
    throw new UsageError(
      `--log-file cannot be written: ${(error as Error).message}. Give a file in a folder that exists and that you may write to.`,
    )
  }
}

function isAppended(file: string, line: string): boolean {
  try {
    appendFileSync(file, line)
    return true
  } catch {
    return false // the disk may be full, or the folder is gone
  }
}
