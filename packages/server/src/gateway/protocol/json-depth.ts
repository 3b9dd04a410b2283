/** Deeper values could overflow the stack of `JSON.stringify`, here or in a client. */
const MAX_DEPTH = 1_000

export const TOO_DEEP = `The result is nested deeper than ${MAX_DEPTH} levels, so it cannot be sent`

/**
 * Whether a value is too deep to be written as JSON. It does not call itself, so any depth is
 * fine.
 */
export function isTooDeep(value: unknown): boolean {
  let level = [value].filter(isContainer)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true
    const next: object[] = []
    for (const container of level)
      for (const member of Array.isArray(container) ? container : Object.values(container))
        if (isContainer(member)) next.push(member)
    level = next
  }
  return false
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null
