/**
 * The text of a value that an author's code returned: a string as it is, else its JSON. Throws an
 * error that was returned, and for an object of which JSON would keep nothing, such as a `Map`.
 */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) throw value
  const json = JSON.stringify(value)
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1)
  if (json === '{}' && kind !== 'Object')
    throw new TypeError(
      `The function returned a ${kind}, of which JSON keeps nothing: return what is in it, as an object, a list or a text`,
    )
  return json ?? String(value)
}
