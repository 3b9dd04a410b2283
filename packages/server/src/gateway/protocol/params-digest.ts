import { createHash } from 'node:crypto'

import { isRecord } from '../../is-record.ts'

/** The parts of a request's parameters that may differ from one round to the next. */
const VARIABLE = new Set(['_meta', 'inputResponses', 'requestState'])

/** A request's parameters. `stringify` writes their numbers as the client has written them. */
export interface ExactParams {
  params: Record<string, unknown>
  stringify(value: unknown): string
}

/** The digest of a request's parameters. The order of members does not matter. */
export function digestOf({ params, stringify }: ExactParams): string {
  const fixed = Object.entries(params).filter(([name]) => !VARIABLE.has(name))
  const text = stringify(canonical(Object.fromEntries(fixed)))
  return createHash('sha256').update(text).digest('base64url')
}

/** The depth of a request is bounded, see http/json-body.ts. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, it]) => [name, canonical(it)]))
}
