import { jsonTokens } from './tokens.ts'

/**
 * The text of a top-level member's value, as it stands in the text of a JSON object; undefined
 * where there is no such member. The last one counts where a name stands twice, as with
 * `JSON.parse`. Only for valid JSON.
 */
export function memberText(text: string, name: string): string | undefined {
  let depth = 0
  let key: string | undefined
  /** Where the value of the wanted member begins. */
  let valueStart: number | undefined
  let found: string | undefined

  for (const { kind, start, end } of jsonTokens(text)) {
    if (kind === 'number') continue
    if (kind === 'string') {
      if (depth === 1 && valueStart === undefined) key = text.slice(start, end)
      continue
    }
    const mark = text[start]
    if (depth === 1 && (mark === ',' || mark === '}')) {
      if (valueStart !== undefined) found = text.slice(valueStart, start).trim()
      valueStart = undefined
      key = undefined
    }
    if (mark === '{' || mark === '[') depth++
    else if (mark === '}' || mark === ']') depth--
    else if (mark === ':' && depth === 1 && key && JSON.parse(key) === name) valueStart = end
  }
  return found
}
