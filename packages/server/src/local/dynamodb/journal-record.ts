import { crc32 } from '../crc32.ts'

/** One change of a key. `value` is absent where the key is deleted. */
export interface Change {
  key: Buffer
  value?: Buffer | undefined
}

/**
 * Changes that are made together or not at all. All numbers are big-endian: length of the content,
 * CRC-32 of the content, content. A change is 1 (put) or 0 (delete), the length of the key, the
 * key, and for a put the length of the value and the value.
 */
export function encodeRecord(changes: readonly Change[]): Buffer {
  const parts = changes.flatMap(({ key, value }) =>
    value
      ? [Buffer.from([1]), length(key), key, length(value), value]
      : [Buffer.from([0]), length(key), key],
  )
  const content = Buffer.concat(parts)
  const head = Buffer.alloc(HEAD)
  head.writeUInt32BE(content.length, 0)
  head.writeUInt32BE(crc32(content), 4)
  return Buffer.concat([head, content])
}

const HEAD = 8

function length(part: Buffer): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(part.length)
  return bytes
}

/** More than DynamoDB takes in one request, and less than memory. */
const MAX_CONTENT = 64 * 1024 * 1024

/**
 * The record at the start of `bytes`, and the rest. `short`: the record needs more bytes.
 * `damaged`: it was not written to its end.
 */
export function decodeRecord(
  bytes: Buffer,
): { changes: Change[]; rest: Buffer } | 'short' | 'damaged' {
  if (bytes.length < HEAD) return 'short'
  const end = HEAD + bytes.readUInt32BE(0)
  // An area of zeros would be an empty record with a correct sum.
  if (end === HEAD || end > HEAD + MAX_CONTENT) return 'damaged'
  if (bytes.length < end) return 'short'
  const content = bytes.subarray(HEAD, end)
  if (crc32(content) !== bytes.readUInt32BE(4)) return 'damaged'

  const changes: Change[] = []
  let at = 0
  while (at < content.length) {
    const isPut = content[at++] === 1
    const key = next()
    changes.push(isPut ? { key, value: next() } : { key })
  }
  return { changes, rest: bytes.subarray(end) }

  function next(): Buffer {
    const start = at + 4
    at = start + content.readUInt32BE(at)
    // A copy: the part is kept for long, and the bytes around it are not.
    return Buffer.from(content.subarray(start, at))
  }
}
