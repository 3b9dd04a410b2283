/**
 * Where a value refers back to an object that contains it, as an alias of YAML can. No schema and
 * no JSON text can be made of such a value.
 */
export function cycleIn(value: unknown): PropertyKey[] | undefined {
  const above = new Set<object>()
  const checked = new Set<object>()
  return search(value, [])

  function search(it: unknown, path: PropertyKey[]): PropertyKey[] | undefined {
    if (typeof it !== 'object' || it === null || checked.has(it)) return undefined
    if (above.has(it)) return path
    above.add(it)
    for (const [key, part] of Object.entries(it)) {
      const found = search(part, [...path, key])
      if (found) return found
    }
    above.delete(it)
    checked.add(it)
    return undefined
  }
}

export const CYCLE = 'refers back to an object that contains it: write out what it refers to'
