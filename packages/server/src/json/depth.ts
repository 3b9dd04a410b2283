import { endOfString } from './tokens.ts'

/**
 * Deeper JSON text overflows the stack of code that walks it recursively, `JSON.stringify`
 * included. The parsers of some clients stop at this depth.
 */
export const MAX_DEPTH = 200

const [QUOTE, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5b, 0x5d, 0x7b, 0x7d]

/** Whether lists and objects are nested deeper than `max`. In linear time, without recursion. */
export function isDeeperThan(max: number, text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at) - 1
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth += 1
      if (depth > max) return true
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1
  }
  return false
}

/** Of a value in memory: what is around the JSON of a function, such as a result, adds levels. */
const MAX_VALUE_DEPTH = 1_000

export const TOO_DEEP = `The result is nested deeper than ${MAX_VALUE_DEPTH} levels, so it cannot be sent`

/** Whether a value is too deep to be written as JSON. Without recursion. */
export function isTooDeep(value: unknown): boolean {
  let level = [value].filter(isContainer)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_VALUE_DEPTH) return true
    const next: object[] = []
    for (const container of level)
      for (const member of Array.isArray(container) ? container : Object.values(container))
        if (isContainer(member)) next.push(member)
    level = next
  }
  return false
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null
