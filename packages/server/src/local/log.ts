/** A line that a function wrote, or a report of the gateway itself. */
export interface LogEntry {
  level: 'info' | 'warn' | 'error'
  /** Missing on reports of the gateway. */
  functionName?: string
  /** The invocation that was running. */
  requestId?: string
  message: string
}

export type Log = (entry: LogEntry) => void

/** Readable lines on stderr: stdout belongs to what the command answers. */
export function writeLog({ functionName = 'gateway', level, message }: LogEntry) {
  const prefix = level === 'info' ? functionName : `${functionName} ${level.toUpperCase()}`
  const lines = readable(message).split('\n')
  process.stderr.write(lines.map(line => `${prefix} | ${line}\n`).join(''))
}

/** Lambda keeps a log entry on one line; a person wants the lines of the stack back. */
function readable(message: string) {
  const text = message.replaceAll('\r', '\n')
  const [, head, json] = /^(.*(?:Invoke|Init) Error) \t(\{.*\})$/s.exec(text) ?? []
  if (!head || !json) return text
  try {
    const { stack } = JSON.parse(json) as { stack?: string[] }
    return stack ? `${head}\n${stack.join('\n')}` : text
  } catch {
    // not what the runtime writes, so shown as it is
    return text
  }
}
