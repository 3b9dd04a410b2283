import type { EventListener, McpRequest, McpResponse } from './events.ts'
import { oneLine } from './one-line.ts'

/**
 * Writes one line per MCP request: its method and target, the milliseconds, the outcome. With
 * `verbose` it also writes the arguments, the result, and what comes between.
 */
export function requestLog(write: (line: string) => void, verbose = false): EventListener {
  const running = new Map<number, McpRequest>()
  return event => {
    if (event.type === 'request') running.set(event.key, event)
    if (event.type === 'notification' && verbose)
      write(`mcp | ${brief(event.method)} ${shown(event.params)}`)
    if (event.type !== 'response') return
    const request = running.get(event.key)
    running.delete(event.key)
    if (request) for (const line of linesOf(request, event, verbose)) write(line)
  }
}

function linesOf(request: McpRequest, { duration, outcome }: McpResponse, verbose: boolean) {
  const { target, params } = request
  const method = brief(request.method)
  const what = target === undefined ? method : `${method} ${brief(target)}`
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
  if (outcome.type === 'error') return `error ${outcome.code}: ${brief(outcome.message)}`
  return brief(outcome.reason)
}

/** Characters of arguments or of a result. */
const SHOWN = 4_000

function shown(value: unknown): string {
  const text = oneLine(JSON.stringify(value) ?? '')
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} characters)` : text
}

const brief = (text: string) => {
  const line = oneLine(text)
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}
