import { crc32 as zlibCrc32 } from 'node:zlib'
import { EventStreamCodec } from '@smithy/core/event-streams'
import { expect, test } from 'vitest'

import { crc32, tableCrc32 } from '../../src/aws/crc32.ts'
import { decodeEventStream } from '../../src/aws/event-stream.ts'
import { all } from '../suites/registry.ts'

const codec = new EventStreamCodec(
  it => Buffer.from(it as Uint8Array).toString(),
  it => Buffer.from(it),
)
type Headers = Parameters<typeof codec.encode>[0]['headers']

const text = (value: string) => ({ type: 'string' as const, value })
const message = (headers: Headers, body: string) =>
  Buffer.from(
    codec.encode({
      headers: { ':message-type': text('event'), ...headers },
      body: Buffer.from(body),
    }),
  )

const everyType: Headers = {
  ':event-type': text('PayloadChunk'),
  yes: { type: 'boolean', value: true },
  no: { type: 'boolean', value: false },
  byte: { type: 'byte', value: -1 },
  short: { type: 'short', value: 1 },
  integer: { type: 'integer', value: 1 },
  binary: { type: 'binary', value: Buffer.from('b') },
  timestamp: { type: 'timestamp', value: new Date(0) },
  uuid: { type: 'uuid', value: '2fa2b3a5-7d37-4a6b-9e73-0a2f4b6c8d10' },
  ü: text('größe'),
  empty: text(''),
}

async function* pieces(...buffers: Buffer[]) {
  yield* buffers
}

const decoded = (...buffers: Buffer[]) => all(decodeEventStream(pieces(...buffers)))

test('messages are decoded wherever their bytes are cut', async () => {
  const bytes = Buffer.concat([
    message(everyType, '{"a":1}'),
    message({ ':event-type': text('empty') }, ''),
    message({}, 'last'),
  ])
  const expected = [
    {
      headers: {
        ':message-type': 'event',
        ':event-type': 'PayloadChunk',
        ü: 'größe',
        empty: '',
      },
      payload: Buffer.from('{"a":1}'),
    },
    { headers: { ':message-type': 'event', ':event-type': 'empty' }, payload: Buffer.alloc(0) },
    { headers: { ':message-type': 'event' }, payload: Buffer.from('last') },
  ]
  for (let at = 0; at <= bytes.length; at++)
    expect(await decoded(bytes.subarray(0, at), bytes.subarray(at))).toEqual(expected)
  expect(await decoded(...[...bytes].map(byte => Buffer.from([byte])))).toEqual(expected)
})

test('bytes that end within a message are an error, after the whole messages', async () => {
  const first = message({}, 'one')
  const bytes = Buffer.concat([first, message({}, 'two')])
  for (let end = first.length + 1; end < bytes.length; end++) {
    const messages = decodeEventStream(pieces(bytes.subarray(0, end)))
    expect((await messages.next()).value?.payload.toString()).toBe('one')
    await expect(messages.next()).rejects.toThrow('ends within a message')
  }
})

test('a changed bit anywhere is an error', async () => {
  const bytes = message({ ':event-type': text('PayloadChunk') }, 'text')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    await expect(decoded(changed)).rejects.toThrow('event stream of the response is broken')
  }
})

/** A message whose checksums are right, whatever its lengths say. */
function raw(total: number, headersLength: number, rest: Buffer) {
  const bytes = Buffer.alloc(12 + rest.length + 4)
  bytes.writeUInt32BE(total, 0)
  bytes.writeUInt32BE(headersLength, 4)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
  rest.copy(bytes, 12)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}

test.each([
  ['shorter than its own lengths', raw(15, 0, Buffer.alloc(0))],
  ['shorter than its headers', raw(16, 1, Buffer.alloc(0))],
  ['larger than the limit', raw(0x7fffffff, 0, Buffer.alloc(0))],
  ['with headers larger than the limit', raw(16, 0xffffffff, Buffer.alloc(0))],
  ['with a header that is cut', raw(18, 2, Buffer.from([9, 97]))],
  ['with a value that is cut', raw(20, 4, Buffer.from([1, 97, 7, 0]))],
  ['with a value that is shorter than its length', raw(22, 6, Buffer.from([1, 97, 7, 0, 9, 97]))],
  ['with a header of an unknown type', raw(19, 3, Buffer.from([1, 97, 10]))],
  ['without a type', raw(16, 0, Buffer.alloc(0))],
])('a message %s is refused', async (_, bytes) => {
  await expect(decoded(bytes)).rejects.toThrow('event stream of the response is broken')
})

test('an exception and an error are thrown with their names', async () => {
  const exception = message(
    { ':message-type': text('exception'), ':exception-type': text('ServiceException') },
    '{"message":"m"}',
  )
  await expect(decoded(exception)).rejects.toMatchObject({
    name: 'ServiceException',
    message: '{"message":"m"}',
  })
  const error = message(
    {
      ':message-type': text('error'),
      ':error-code': text('InternalError'),
      ':error-message': text('broke'),
    },
    '',
  )
  await expect(decoded(error)).rejects.toMatchObject({ name: 'InternalError', message: 'broke' })
})

test.runIf(zlibCrc32)('both checksums agree', () => {
  for (const it of ['', 'a', 'größe', 'x'.repeat(70_000)].map(it => Buffer.from(it)))
    expect([tableCrc32(it), crc32(it)]).toEqual([zlibCrc32(it), zlibCrc32(it)])
})
