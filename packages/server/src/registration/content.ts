import { createHash } from 'node:crypto'
import type { ContentChange, Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { isRecord } from '../is-record.ts'

/** A digest of the content. Equal digests mean equal content, whatever the order of the fields. */
export function contentDigest(registration: Registration): string {
  return createHash('sha256')
    .update(canonical(contentOf(registration)))
    .digest('hex')
}

export const hasSameContent = (one: Registration, other: Registration): boolean =>
  canonical(contentOf(one)) === canonical(contentOf(other))

/** The differences, each at its place. Long values and long lists are cut. */
export function contentChanges(from: Registration, to: Registration): ContentChange[] {
  const found: ContentChange[] = []
  compare(contentOf(from), contentOf(to), '')
  return found.slice(0, MAX_CHANGES)

  function compare(before: unknown, after: unknown, path: string) {
    if (found.length >= MAX_CHANGES || canonical(before) === canonical(after)) return
    if (isRecord(before) && isRecord(after))
      for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
        compare(before[key], after[key], `${path}/${escaped(key)}`)
    else if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
      for (const [index, item] of before.entries()) compare(item, after[index], `${path}/${index}`)
    else
      found.push({
        path: cut(path),
        ...(before !== undefined && { from: shown(before) }),
        ...(after !== undefined && { to: shown(after) }),
      })
  }
}

/** A batch of 100 responds with all its changes in less than the 6 MB of a Function URL. */
const MAX_CHANGES = 50
const MAX_TEXT = 200

const cut = (text: string) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)

function shown(value: unknown): unknown {
  const text = JSON.stringify(value)
  return text.length > MAX_TEXT + 2 ? cut(typeof value === 'string' ? value : text) : value
}

const escaped = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** Fields without which a registration means the same when they are empty. */
const EMPTY_IS_ABSENT = ['icons', 'arguments', 'annotations', '_meta']

/** Everything but who wrote it, when, and how often. */
function contentOf(registration: Registration): Record<string, unknown> {
  const { version, createdAt, updatedAt, createdBy, updatedBy, ...content } = registration
  return Object.fromEntries(
    Object.entries(content).filter(
      ([field, value]) => !(EMPTY_IS_ABSENT.includes(field) && isEmpty(value)),
    ),
  )
}

const isEmpty = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0

/** JSON with sorted keys. */
const canonical = (value: unknown): string => JSON.stringify(sorted(value)) ?? ''

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
