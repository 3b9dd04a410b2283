/**
 * Returns what the arguments ask for, or the arguments.
 *
 * @param {Record<string, unknown>} event
 */
export const handler = async event => {
  if (event.output !== undefined) return event.output
  if (event.fail) throw new TypeError(String(event.fail))
  return event
}
