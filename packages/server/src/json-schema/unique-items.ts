/** The indexes of two equal items; undefined where there are none. Takes linear time. */
export function equalItems(items: unknown[]): [first: number, second: number] | undefined {
  const values = new Map<unknown, number>()
  const texts = new Map<string, number>()
  for (let index = 0; index < items.length; index++) {
    const item = items[index]
    const isText = typeof item === 'object' && item !== null
    const key = isText ? JSON.stringify(isSorted(item) ? item : sorted(item)) : item
    const seen: Map<unknown, number> = isText ? texts : values
    const before = seen.get(key)
    if (before !== undefined) return [before, index]
    seen.set(key, index)
  }
  return undefined
}

/** Whether the keys of all objects in a value are sorted, as they often are in a list. */
function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isSorted)
  let last = ''
  for (const key of Object.keys(value)) {
    if (key < last || !isSorted((value as Record<string, unknown>)[key])) return false
    last = key
  }
  return true
}

/** A copy with sorted keys. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}
