import type { LocalEvent, McpRequest, McpResponse } from '../events.ts'
import { isRoutine, readableEntry } from '../log.ts'
import type { Call, ConsoleEvent, Line } from './messages.ts'

/** How many calls, other requests and lines are kept. */
const KEPT = { calls: 200, others: 50, lines: 500 }
/** Characters of parameters, of a result, and of a line. */
const SHOWN = 16_000

const CALLS = new Set(['tools/call', 'resources/read', 'prompts/get'])

export interface History {
  /** Keeps what the event tells, and passes it on. */
  record(event: LocalEvent): void
  calls(): Call[]
  lines(): Line[]
}

/** The last calls and lines of the gateway: bounded in number and in size. */
export function createHistory(publish: (event: ConsoleEvent) => void): History {
  const calls: Call[] = []
  // Lists and sessions are frequent: they must not displace the calls.
  const others: Call[] = []
  const lines: Line[] = []
  const running = new Map<number, Call>()

  return {
    record(event) {
      if (event.type === 'request') begin(event)
      if (event.type === 'response') end(event)
      if (event.type === 'notification')
        addLine({ at: event.at, level: 'info', source: event.method, text: oneLine(event.params) })
      if (event.type === 'log' && !isRoutine(event)) {
        const { functionName = 'gateway' } = event
        const { label, text } = readableEntry(event)
        const level = LEVELS[label] ?? event.level
        addLine({ at: Date.now(), level, source: functionName, text: shorten(text.trimEnd()) })
      }
      if (event.type === 'registry-change') publish({ type: 'registrations' })
    },
    calls: () => [...others, ...calls].sort((one, other) => one.key - other.key),
    lines: () => [...lines],
  }

  function begin({ key, at, transport, method, target, params }: McpRequest) {
    const call: Call = {
      ...{ key, at, transport, method: method.slice(0, 200) },
      ...(target !== undefined && { target: target.slice(0, 2_000) }),
      ...(params !== undefined && { params: json(params) }),
    }
    const kept = CALLS.has(method) ? calls : others
    kept.push(call)
    const limit = kept === calls ? KEPT.calls : KEPT.others
    if (kept.length > limit) for (const it of kept.splice(0, 1)) running.delete(it.key)
    running.set(key, call)
    publish({ type: 'call', call })
  }

  function end({ key, duration, outcome }: McpResponse) {
    const call = running.get(key)
    if (!call) return
    running.delete(key)
    call.duration = duration
    call.outcome = { type: outcome.type, text: textOf(outcome) }
    publish({ type: 'call', call })
  }

  function addLine(line: Line) {
    lines.push(line)
    if (lines.length > KEPT.lines) lines.shift()
    publish({ type: 'line', line })
  }
}

function textOf(outcome: McpResponse['outcome']): string {
  if ('result' in outcome) return json(outcome.result)
  if (outcome.type === 'error') return shorten(`${outcome.code}: ${outcome.message}`)
  return shorten(outcome.reason)
}

const LEVELS: Record<string, Line['level']> = { WARN: 'warn', ERROR: 'error', FATAL: 'error' }

const oneLine = (value: unknown) => shorten(JSON.stringify(value) ?? '')

const json = (value: unknown) => shorten(JSON.stringify(value, null, 2) ?? '')

const shorten = (text: string) =>
  text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} characters)` : text
