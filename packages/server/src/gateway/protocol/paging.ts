import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'

/**
 * What fits on a page. Popular clients never ask for a second one, so a page holds the whole registry
 * unless that would be more than a client can be expected to take in one message.
 */
const PAGE_BYTES = 4 * 1024 * 1024

/** The page that begins behind a cursor, of items sorted by name. Errors: -32602 for a cursor that is not ours. */
export function page<Item extends { name: string }>(
  items: Item[],
  cursor: string | undefined,
  pageBytes = PAGE_BYTES,
) {
  const after = cursor === undefined ? undefined : decode(cursor)
  const rest = after === undefined ? items : items.filter(({ name }) => name > after)
  let bytes = 0
  const count = rest.findIndex((item, n) => {
    bytes += JSON.stringify(item).length
    return bytes > pageBytes && n > 0 // the first item always goes, however large it is
  })
  if (count < 0) return { items: rest }
  const fitting = rest.slice(0, count)
  return { items: fitting, nextCursor: encode(fitting.at(-1)?.name ?? '') }
}

// By name and not by number: what is registered between two pages shifts nothing.
const encode = (name: string) => Buffer.from(`after:${name}`).toString('base64url')

function decode(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (!text.startsWith('after:'))
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      'The cursor is not one of this server: start without one',
    )
  return text.slice('after:'.length)
}
