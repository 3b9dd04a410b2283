import type { EventListener, McpRequest, McpResponse } from './events.ts'

/**
 * Writes one line per MCP request: its method and target, the milliseconds, the outcome. With
 * `verbose` it also writes the arguments, the result, and what comes between.
 */
export function requestLog(write: (line: string) => void, verbose = false): EventListener {
  const running = new Map<number, McpRequest>()
  return event => {
    if (event.type === 'request') running.set(event.key, event)
    if (event.type === 'notification' && verbose)
      write(`mcp | ${event.method} ${shown(event.params)}`)
    if (event.type !== 'response') return
    const request = running.get(event.key)
    running.delete(event.key)
    if (request) for (const line of linesOf(request, event, verbose)) write(line)
  }
}

function linesOf(request: McpRequest, { duration, outcome }: McpResponse, verbose: boolean) {
  const { method, target, params } = request
  const what = target === undefined ? method : `${method} ${printable(target)}`
  const lines = [`mcp | ${what} ${Math.round(duration)} ms ${textOf(outcome)}`]
  if (!verbose) return lines
  if (params !== undefined) lines.push(`mcp |   > ${shown(params)}`)
  if ('result' in outcome) lines.push(`mcp |   < ${shown(outcome.result)}`)
  return lines
}

/** Without the text of a result, which may be private. */
function textOf(outcome: McpResponse['outcome']): string {
  if (outcome.type === 'result') return 'ok'
  if (outcome.type === 'tool-error') return 'tool error'
  if (outcome.type === 'error') return `error ${outcome.code}: ${printable(outcome.message)}`
  return printable(outcome.reason)
}

/** Characters of arguments or of a result. */
const SHOWN = 4_000

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} characters)` : text
}

/** One line without control characters, which could move the cursor of the terminal. */
const printable = (text: string) => {
  const line = text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}
