import { crc32 } from '../crc32.ts'

/**
 * One frame of an `application/vnd.amazon.eventstream`. All numbers are big-endian: total length,
 * headers length, CRC-32 of the two, headers, payload, CRC-32 of everything before.
 * https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
 */
export function eventStreamFrame(eventType: string, contentType: string, payload: Buffer): Buffer {
  const headers = Buffer.concat([
    header(':event-type', eventType),
    header(':content-type', contentType),
    header(':message-type', 'event'),
  ])
  const frame = Buffer.alloc(16 + headers.length + payload.length)
  frame.writeUInt32BE(frame.length, 0)
  frame.writeUInt32BE(headers.length, 4)
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8)
  headers.copy(frame, 12)
  payload.copy(frame, 12 + headers.length)
  frame.writeUInt32BE(crc32(frame.subarray(0, -4)), frame.length - 4)
  return frame
}

/** Length of the name, name, type 7 (string), length of the value, value. */
function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(3)
  length.writeUInt8(7, 0)
  length.writeUInt16BE(Buffer.byteLength(value), 1)
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value)])
}
