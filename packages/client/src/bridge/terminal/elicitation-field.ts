import { isRecord } from '../../is-record.ts'
import type { Result } from './mcp-client.ts'
import { onOneLine } from './style.ts'

/** The value of a field, nothing where an optional one is left out, or what is wrong. */
export type FieldAnswer = { value: unknown } | { isOmitted: true } | { problem: string }

/**
 * Reads what a person typed into a field of an elicitation form:
 * https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#requested-schema
 */
export function parseAnswer(text: string, field: Result, isRequired: boolean): FieldAnswer {
  if (text === '') {
    if (field['default'] !== undefined) return { value: field['default'] }
    return isRequired ? { problem: 'An answer is needed' } : { isOmitted: true }
  }
  if (field['type'] === 'array') return several(text, field)
  const choices = choicesOf(field)
  if (choices.length > 0) return oneOf(text, choices)
  if (field['type'] === 'boolean') return yesOrNo(text)
  if (field['type'] === 'number' || field['type'] === 'integer') return numberIn(text, field)
  return textIn(text, field)
}

interface Choice {
  value: unknown
  title: string
}

/** The choices of a field with their numbers, for the person. */
export function shownChoices(field: Result): string[] {
  const choices = field['type'] === 'array' ? choicesOf(itemsOf(field)) : choicesOf(field)
  const lines = choices.map(({ title }, at) => `${at + 1}  ${title}`)
  return field['type'] === 'array' ? [...lines, 'Several: 1,3'] : lines
}

/** `enum` with `enumNames`, or `oneOf`/`anyOf` with `const` and `title`. */
function choicesOf({ enum: values, enumNames, oneOf, anyOf }: Result): Choice[] {
  const names = Array.isArray(enumNames) ? enumNames : []
  if (Array.isArray(values))
    return values.map((value, at) => ({ value, title: onOneLine(names[at] ?? value) }))
  const options = Array.isArray(oneOf) ? oneOf : Array.isArray(anyOf) ? anyOf : []
  return options
    .filter(isRecord)
    .filter(it => 'const' in it)
    .map(it => ({ value: it['const'], title: onOneLine(it['title'] ?? it['const']) }))
}

const itemsOf = ({ items }: Result): Result => (isRecord(items) ? items : {})

function oneOf(text: string, choices: Choice[]): FieldAnswer {
  const found =
    choices.find(({ value, title }) => text === value || text === title) ??
    (/^\d+$/.test(text) ? choices[Number(text) - 1] : undefined)
  return found ? { value: found.value } : { problem: `Give a number from 1 to ${choices.length}` }
}

function several(text: string, field: Result): FieldAnswer {
  const choices = choicesOf(itemsOf(field))
  const values: unknown[] = []
  for (const part of text.split(',').map(it => it.trim())) {
    const answer = choices.length > 0 ? oneOf(part, choices) : { value: part }
    if (!('value' in answer)) return answer
    if (!values.includes(answer.value)) values.push(answer.value)
  }
  const { minItems, maxItems } = field
  if (typeof minItems === 'number' && values.length < minItems)
    return { problem: `Give at least ${minItems}` }
  if (typeof maxItems === 'number' && values.length > maxItems)
    return { problem: `Give at most ${maxItems}` }
  return { value: values }
}

function yesOrNo(text: string): FieldAnswer {
  if (/^(y|yes|true)$/i.test(text)) return { value: true }
  if (/^(n|no|false)$/i.test(text)) return { value: false }
  return { problem: 'Answer yes or no' }
}

function numberIn(text: string, { type, minimum, maximum }: Result): FieldAnswer {
  const value = Number(text)
  if (!Number.isFinite(value)) return { problem: 'Give a number' }
  if (type === 'integer' && !Number.isInteger(value)) return { problem: 'Give a whole number' }
  if (typeof minimum === 'number' && value < minimum) return { problem: `At least ${minimum}` }
  if (typeof maximum === 'number' && value > maximum) return { problem: `At most ${maximum}` }
  return { value }
}

/** By the value of `format`, which can be anything. */
const FORMATS = new Map<unknown, [pattern: RegExp, name: string]>([
  ['email', [/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'an e-mail address']],
  ['uri', [/^[a-z][a-z0-9+.-]*:\S+$/i, 'a URI']],
  ['date', [/^\d{4}-\d{2}-\d{2}$/, 'a date such as 2026-07-28']],
  [
    'date-time',
    [
      /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i,
      'a time such as 2026-07-28T09:00:00Z',
    ],
  ],
])

function textIn(text: string, { format, minLength, maxLength }: Result): FieldAnswer {
  const { length } = [...text]
  if (typeof minLength === 'number' && length < minLength)
    return { problem: `At least ${minLength} characters` }
  if (typeof maxLength === 'number' && length > maxLength)
    return { problem: `At most ${maxLength} characters` }
  const [pattern, name] = FORMATS.get(format) ?? []
  return pattern && !pattern.test(text) ? { problem: `Give ${name}` } : { value: text }
}
