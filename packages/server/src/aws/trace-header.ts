/**
 * `X-Amzn-Trace-Id` for a request to AWS: the environment's own, with the trace of a `traceparent`.
 * The other members stay as Lambda has set them. `Lineage` is how Lambda stops loops. `Sampled`
 * decides what X-Ray bills, so a client does not decide it.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
 */
export function traceHeader(own = '', traceparent?: string): string {
  const [, start, rest, parent] = TRACEPARENT.exec(traceparent ?? '') ?? []
  const root = `Root=1-${start}-${rest}`
  if (!start || own.includes(root)) return own
  const others = own.split(';').filter(it => it !== '' && !/^\s*(Root|Parent|Self)=/.test(it))
  return [root, `Parent=${parent}`, ...others].join(';')
}

const TRACEPARENT = /^00-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-[0-9a-f]{2}$/
