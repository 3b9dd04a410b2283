import { invalidParams } from './request-errors.ts'

/**
 * The size of a page. Popular clients up to protocol version 2025-11-25 never ask for a second
 * page, so theirs holds the whole registry unless that is too large for one message.
 */
const PAGE_BYTES = 4 * 1024 * 1024
/**
 * Clients of 2026-07-28 ask for all pages. So theirs are short, and the first one comes about as
 * fast as a small registry.
 */
const SHORT_PAGE_BYTES = 256 * 1024
/** The SDKs for JavaScript and Python ask for up to 64 pages. A long list has longer ones. */
const MAX_PAGES = 60

export const pageBytes = (protocolVersion = '') =>
  protocolVersion >= '2026-07-28' ? SHORT_PAGE_BYTES : PAGE_BYTES

/**
 * The page after a cursor, of items that are sorted by name.
 *
 * @throws JsonRpcError -32602 for a cursor that this server did not make
 */
export function page<Item extends { name: string }>(
  items: Item[],
  cursor: string | undefined,
  maxBytes: number,
) {
  const after = cursor === undefined ? undefined : decode(cursor)
  const rest = after === undefined ? items : items.filter(({ name }) => name > after)
  const least = Math.max(1, items.length / MAX_PAGES)
  let bytes = 0
  const count = rest.findIndex((item, n) => {
    bytes += JSON.stringify(item).length
    // A page has at least one item, of any size.
    return n > 0 && (bytes > PAGE_BYTES || (bytes > maxBytes && n >= least))
  })
  if (count < 0) return { items: rest }
  const fitting = rest.slice(0, count)
  return { items: fitting, nextCursor: encode(fitting.at(-1)?.name ?? '') }
}

// A name, not a number: a registration between two pages does not shift the second one.
const encode = (name: string) => Buffer.from(`after:${name}`).toString('base64url')

function decode(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (!text.startsWith('after:'))
    throw invalidParams('This server did not make the cursor: list again without one')
  return text.slice('after:'.length)
}
