import type { ContentChange } from '../api-schema.ts'
import type { Plan } from './plan.ts'

/**
 * A plan for people. In Markdown, the same text stands in a block that shows its signs in colour.
 */
export function planText(plan: Plan, format: 'text' | 'markdown' = 'text'): string {
  const summary = summaryOf(plan)
  const lines = linesOf(plan)
  const notes = notesOf(plan)
  if (format === 'text') return [...lines, ...notes, summary].join('\n')
  const shown = upTo(MAX_COMMENT, lines)
  const changes = lines.length > 0 ? ['```diff', ...shown.lines, '```', ''] : []
  const bullets = upTo(
    shown.room,
    notes.map(it => `- ${it.trim()}`),
  )
  return [`**${summary}**`, '', ...changes, ...bullets.lines].join('\n').trimEnd()
}

/** Characters of the lines in Markdown. A comment of GitHub has at most 65,536. */
const MAX_COMMENT = 60_000

/** The first lines that have room, and how many are left out. */
function upTo(room: number, all: string[]): { lines: string[]; room: number } {
  const lines: string[] = []
  for (const line of all) {
    if (line.length >= room) {
      const left = all.length - lines.length
      return { lines: [...lines, `… and ${left} more lines, which "plan" prints`], room: 0 }
    }
    lines.push(line)
    room -= line.length + 1
  }
  return { lines, room }
}

function summaryOf(plan: Plan): string {
  const { create, update, delete: deleted, repair, unchanged, hasChanges } = plan
  const repairs = repair.length > 0 ? `${repair.length} to repair, ` : ''
  return hasChanges
    ? `${create.length} to create, ${update.length} to update, ${deleted.length} to delete, ${repairs}${unchanged.length} unchanged`
    : `No changes: ${unchanged.length} registrations are up to date`
}

function linesOf({ create, update, delete: deleted, repair }: Plan): string[] {
  return [
    ...create.map(id => `+ ${id}`),
    ...update.flatMap(({ id, changes }) => [`! ${id}`, ...changes.map(changeLine)]),
    ...deleted.map(id => `- ${id}`),
    ...repair.map(id => `* ${id}: repair the invoke permission`),
  ]
}

function changeLine({ path, ...change }: ContentChange): string {
  const { from, to } = change
  if (!('from' in change)) return `    ${path}: ${shown(to)} (new)`
  if (!('to' in change)) return `    ${path}: ${shown(from)} (removed)`
  return `    ${path}: ${shown(from)} → ${shown(to)}`
}

/** One line: a value may hold text for people. */
const shown = (value: unknown) => JSON.stringify(value) ?? 'nothing'

function notesOf({ notReady, warnings }: Plan): string[] {
  return [
    ...notReady.map(({ id, status }) => `Not ready: ${id}: ${status.message}`),
    ...warnings.map(({ id, message }) => `Warning: ${id}: ${message}`),
  ]
}
