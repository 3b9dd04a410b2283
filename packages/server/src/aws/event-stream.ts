import { AwsError } from './aws-error.ts'
import { crc32 } from './crc32.ts'

/** A message of an `application/vnd.amazon.eventstream`. */
export interface EventStreamMessage {
  /** `:event-type` is its kind. Headers that are not text are left out. */
  headers: Record<string, string>
  payload: Buffer
}

/**
 * Decodes the messages of an event stream while its bytes arrive, one after the other. Throws the
 * error that a message reports, and an `AwsError` for bytes that are no whole messages.
 *
 * A message is, all numbers big-endian: its length, the length of its headers, the CRC-32 of these
 * two, headers, payload, the CRC-32 of all before.
 * https://smithy.io/2.0/aws/amazon-eventstream.html
 */
export async function* decodeEventStream(
  bytes: AsyncIterable<Buffer>,
): AsyncGenerator<EventStreamMessage> {
  let waiting: Buffer[] = []
  let length = 0
  /** Bytes that the next message has; its prelude, until that is there. */
  let needed = PRELUDE_BYTES
  for await (const chunk of bytes) {
    waiting.push(chunk)
    length += chunk.length
    // The pieces of a long message are joined once, when all of them are there.
    while (length >= needed) {
      const joined = waiting.length === 1 && waiting[0] ? waiting[0] : Buffer.concat(waiting)
      needed = messageBytes(joined)
      waiting = [joined]
      if (length < needed) break
      const message = decode(joined.subarray(0, needed))
      waiting = [joined.subarray(needed)]
      length -= needed
      needed = PRELUDE_BYTES
      throwReported(message)
      yield message
    }
  }
  if (length > 0) throw broken('it ends within a message')
}

const PRELUDE_BYTES = 12
const CRC_BYTES = 4
/** The limits of headers and payload, by the specification. */
const MAX_BYTES = 16 * 1024 * 1024 + 128 * 1024 + PRELUDE_BYTES + CRC_BYTES

const broken = (reason: string) =>
  new AwsError('BrokenEventStream', `The event stream of the response is broken: ${reason}`)

/** The length of the message that begins here. */
function messageBytes(bytes: Buffer): number {
  if (crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8))
    throw broken('a checksum of lengths is wrong')
  const total = bytes.readUInt32BE(0)
  const smallest = PRELUDE_BYTES + bytes.readUInt32BE(4) + CRC_BYTES
  if (total < smallest || total > MAX_BYTES) throw broken(`a message of ${total} bytes`)
  return total
}

function decode(message: Buffer): EventStreamMessage {
  const end = message.length - CRC_BYTES
  if (crc32(message.subarray(0, end)) !== message.readUInt32BE(end))
    throw broken('a checksum of a message is wrong')
  const headersEnd = PRELUDE_BYTES + message.readUInt32BE(4)
  return {
    headers: headersOf(message.subarray(PRELUDE_BYTES, headersEnd)),
    payload: message.subarray(headersEnd, end),
  }
}

/** Bytes of a value by its type: true, false, byte, short, integer, long, …, timestamp, UUID. */
const VALUE_BYTES = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16]
const TEXT = 7

/** Each: length of the name, name, type, length of the value for bytes and text, value. */
function headersOf(bytes: Buffer): Record<string, string> {
  const headers: Record<string, string> = {}
  try {
    for (let at = 0; at < bytes.length; ) {
      const typeAt = at + 1 + bytes.readUInt8(at)
      const name = bytes.toString('utf8', at + 1, typeAt)
      const type = bytes.readUInt8(typeAt)
      if (type >= VALUE_BYTES.length) throw broken(`a header of type ${type}`)
      const fixed = VALUE_BYTES[type]
      const valueAt = typeAt + (fixed === undefined ? 3 : 1)
      at = valueAt + (fixed ?? bytes.readUInt16BE(typeAt + 1))
      if (at > bytes.length) throw broken('a header is cut')
      if (type === TEXT) headers[name] = bytes.toString('utf8', valueAt, at)
    }
  } catch (error) {
    throw error instanceof RangeError ? broken('a header is cut') : error
  }
  return headers
}

function throwReported({ headers, payload }: EventStreamMessage) {
  const type = headers[':message-type']
  if (type === 'exception')
    throw new AwsError(headers[':exception-type'] ?? 'Unknown', payload.toString())
  if (type === 'error')
    throw new AwsError(
      headers[':error-code'] ?? 'Unknown',
      headers[':error-message'] || 'UnknownError',
    )
  if (type !== 'event') throw broken(`a message of type ${type}`)
}
