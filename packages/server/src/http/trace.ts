/** The trace that a request belongs to. */
export interface Trace {
  /** 32 hexadecimal digits. */
  traceId: string
  /** W3C trace context: https://www.w3.org/TR/trace-context/ */
  traceparent: string
}

/**
 * The trace of an HTTP request: of the client's header `traceparent`, or of `X-Amzn-Trace-Id`,
 * which Lambda adds where the client sends none.
 */
export const traceOf = (headers: Readonly<Record<string, string | undefined>>) =>
  parseTraceparent(headers['traceparent']) ?? parseTraceHeader(headers['x-amzn-trace-id'])

/** Undefined for what is no `traceparent`. */
export function parseTraceparent(value: unknown): Trace | undefined {
  const traceparent = toTraceparent(value)
  return traceparent === undefined ? undefined : { traceId: traceparent.slice(3, 35), traceparent }
}

/**
 * The `traceparent` of W3C trace context. Undefined for every other text, and for one that is
 * longer than those of version 00: the client context has no room for it.
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

/**
 * `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=0`. Without a parent, the digits of the
 * root take its place: a trace context has none without one.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
export function parseTraceHeader(header = ''): Trace | undefined {
  const [, start, rest = ''] = /(?:^|;\s*)Root=1-([0-9a-f]{8})-([0-9a-f]{24})/.exec(header) ?? []
  if (!start) return undefined
  const [, parent = rest.slice(8)] = /;\s*Parent=(?!0{16})([0-9a-f]{16})/.exec(header) ?? []
  const flags = /;\s*Sampled=1/.test(header) ? '01' : '00'
  return parseTraceparent(`00-${start}${rest}-${parent}-${flags}`)
}
