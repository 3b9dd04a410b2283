/**
 * The `traceparent` of W3C trace context in the `_meta` of a request. Undefined for every other
 * text, and for one that is longer than those of version 00: the client context has no room for it.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function toTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const [, version, traceId, parentId] = FORM.exec(value) ?? []
  const isValid = version !== 'ff' && isId(traceId) && isId(parentId)
  return isValid ? value : undefined
}

const FORM = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/

/** An id of zeros alone means that there is none. */
const isId = (id: string | undefined) => id !== undefined && /[^0]/.test(id)
