import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { AwsError } from '../../src/aws/aws-error.ts'
import { ResponseParser } from '../../src/aws/response-parser.ts'

/** What a client makes of the bytes that a service sends before it closes the connection. */
interface Outcome {
  status: number
  headers: Record<string, string>
  body: string
}

let server: Server
let sent: Buffer = Buffer.alloc(0)
beforeAll(async () => {
  server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(sent))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => void server.close())

/** Undefined where Node refuses the bytes. */
async function nodes(bytes: Buffer): Promise<Outcome | undefined> {
  sent = bytes
  const { port } = server.address() as AddressInfo
  const asked = request({ host: '127.0.0.1', port, method: 'POST', agent: false }).end()
  // Another error may follow the response.
  asked.on('error', () => {})
  try {
    const [response] = await once(asked, 'response')
    const body = (await buffer(response)).toString('latin1')
    const headers = Object.entries(response.headersDistinct as Record<string, string[]>)
    return {
      status: response.statusCode,
      headers: Object.fromEntries(headers.map(([name, values]) => [name, values.join(', ')])),
      body,
    }
  } catch {
    return undefined
  } finally {
    asked.destroy()
  }
}

/** Undefined where ours does. `cuts` are the places at which the bytes are cut into pieces. */
function ours(bytes: Buffer, cuts: number[] = []): Outcome | undefined {
  const outcome: Outcome = { status: 0, headers: {}, body: '' }
  let ends = 0
  const parser = new ResponseParser({
    onHead: head => void Object.assign(outcome, head),
    onBody(piece) {
      outcome.body += piece.toString('latin1')
    },
    onEnd() {
      ends++
    },
  })
  parser.expect()
  try {
    const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
    places.forEach((from, n) => void parser.read(bytes.subarray(from, places[n + 1])))
    parser.close()
    expect(ends).toBeLessThan(2)
    return ends === 1 ? outcome : undefined
  } catch (error) {
    expect(error).toBeInstanceOf(AwsError)
    expect((error as AwsError).name).toBe('InvalidResponse')
    return undefined
  }
}

const http = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1')

const VALID: [string, string][] = [
  ['a length', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'],
  ['no body', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a status without a reason', 'HTTP/1.1 404\ncontent-length: 2\n\nno'],
  ['an odd status', 'HTTP/1.1 799 \ncontent-length: 2\n\nno'],
  ['chunks', 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n1;x="y"\n!\n0\n\n'],
  ['chunks in capitals', 'HTTP/1.1 200 OK\ntransfer-encoding: Chunked\n\nA\n0123456789\n0\n\n'],
  ['trailers', 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\n000\nEnd: 1\nMore: 2\n\n'],
  ['a line end in a chunk', 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4\n\n\n\n0\n\n'],
  ['the end of the connection', 'HTTP/1.1 200 OK\nX: y\n\nall of this'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\nContent-Length: 2\n\nok'],
  ['no content', 'HTTP/1.1 204 No Content\nX: y\n\n'],
  ['not modified', 'HTTP/1.1 304 Not Modified\nContent-Length: 20\n\n'],
  ['an interim response', 'HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\ncontent-length: 1\n\nx'],
  ['two interim responses', 'HTTP/1.1 103 Early\nLink: a\n\nHTTP/1.1 102 P\n\nHTTP/1.1 200 OK\n\n'],
  ['a repeated header', 'HTTP/1.1 200 OK\nX: a\nx: b\nX:\ncontent-length: 0\n\n'],
  ['names of objects', 'HTTP/1.1 200 OK\nconstructor: a\ntoString: b\ncontent-length: 0\n\n'],
  ['padded values', 'HTTP/1.1 200 OK\nX: \t a b\t \nEmpty:\nColon: a:b\ncontent-length: 0\n\n'],
  ['other bytes in a value', 'HTTP/1.1 200 OK\nX: gr\xf6\xdfe\ncontent-length: 0\n\n'],
]

test.each(VALID)('a response with %s is what Node reads, however it is cut', async (_, text) => {
  const bytes = http(text)
  const expected = await nodes(bytes)
  expect(expected).toBeDefined()
  for (let at = 0; at <= bytes.length; at++) expect(ours(bytes, [at]), `${at}`).toEqual(expected)
  const everywhere = Array.from({ length: bytes.length }, (_, n) => n)
  expect(ours(bytes, everywhere)).toEqual(expected)
})

test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH\n\n'],
  ['another version', 'HTTP/2 200 OK\ncontent-length: 0\n\n'],
  ['no status', 'HTTP/1.1 OK\ncontent-length: 0\n\n'],
  ['a short status', 'HTTP/1.1 20\ncontent-length: 0\n\n'],
  [
    'an interim response of HTTP/1.0',
    'HTTP/1.0 103 Early\n\nHTTP/1.1 200 OK\ncontent-length: 0\n\n',
  ],
  ['a header without a colon', 'HTTP/1.1 200 OK\nX\ncontent-length: 0\n\n'],
  ['a header without a name', 'HTTP/1.1 200 OK\n: x\ncontent-length: 0\n\n'],
  ['a space in a name', 'HTTP/1.1 200 OK\nContent Length: 0\n\n'],
  ['a space before a colon', 'HTTP/1.1 200 OK\nX : y\ncontent-length: 0\n\n'],
  ['a NUL in a value', 'HTTP/1.1 200 OK\nX: a\0b\ncontent-length: 0\n\n'],
  ['the same length twice', 'HTTP/1.1 200 OK\ncontent-length: 1\ncontent-length: 1\n\nx'],
  ['two lengths', 'HTTP/1.1 200 OK\ncontent-length: 1\ncontent-length: 2\n\nxx'],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\ncontent-length: 1\ntransfer-encoding: chunked\n\n0\n\n',
  ],
  ['a negative length', 'HTTP/1.1 200 OK\ncontent-length: -1\n\nx'],
  ['a length with a sign', 'HTTP/1.1 200 OK\ncontent-length: +1\n\nx'],
  ['a hexadecimal length', 'HTTP/1.1 200 OK\ncontent-length: 0x1\n\nx'],
  ['a length beyond all', `HTTP/1.1 200 OK\ncontent-length: ${'9'.repeat(30)}\n\nx`],
  ['a chunk without a size', 'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n\nx\n0\n\n'],
  ['a size that is no number', 'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\ng\nx\n0\n\n'],
  ['a chunk beyond its size', 'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n1\nxy\n0\n\n'],
  ['an endless size', `HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n${'f'.repeat(20)}\nx`],
  ['a cut head', 'HTTP/1.1 200 OK\ncontent-length: 1'],
  ['a cut body', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nx'],
  ['a cut chunk', 'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\nx'],
  ['no last chunk', 'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n1\nx\n'],
  ['a head without end', `HTTP/1.1 200 OK\nX: ${'x'.repeat(20_000)}`],
  ['a head that is too long', `HTTP/1.1 200 OK\nX: ${'x'.repeat(20_000)}\ncontent-length: 0\n\n`],
])('a response with %s is refused, as Node refuses it', async (_, text) => {
  const bytes = http(text)
  expect(await nodes(bytes)).toBeUndefined()
  expect(ours(bytes)).toBeUndefined()
  const everywhere = Array.from({ length: bytes.length }, (_, n) => n)
  expect(ours(bytes, everywhere)).toBeUndefined()
})

test.each([
  ['bytes after a body', 'HTTP/1.1 200 OK\ncontent-length: 1\n\nxHTTP/1.1 200 OK\n\n'],
  ['bytes after the last chunk', 'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n0\n\nx'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\nUpgrade: x\n\n'],
  ['another coding', 'HTTP/1.1 200 OK\ntransfer-encoding: gzip, chunked\n\n0\n\n'],
  ['a folded header', 'HTTP/1.1 200 OK\nX: a\n b\ncontent-length: 0\n\n'],
  ['a bare carriage return', 'HTTP/1.1 200 OK\nX: a\ry: b\ncontent-length: 0\n\n'],
  [
    'endless trailers',
    `HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n0\n${'X: 1234567890\n'.repeat(2_000)}\n`,
  ],
])('a response with %s is refused', (_, text) => {
  expect(ours(http(text))).toBeUndefined()
})

test('what it takes of damaged responses, Node takes as well', async () => {
  // A generator with a seed: https://en.wikipedia.org/wiki/Linear_congruential_generator
  let seed = 20_261_127
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((seed / 2 ** 31) * below)
  }
  const parts = [...'\r\n :;,0123456789abcdefXHTP/.\0\x7f\x80\xff', '\r\n', '\n', 'chunked']
  let taken = 0
  for (let n = 0; n < 600; n++) {
    const valid = http(VALID[n % VALID.length]?.[1] ?? '').toString('latin1')
    const at = random(valid.length)
    const damaged = `${valid.slice(0, at)}${parts[random(parts.length)]}${valid.slice(at + random(3))}`
    const bytes = Buffer.from(damaged, 'latin1')
    const outcome = ours(bytes, [random(bytes.length), random(bytes.length)])
    if (!outcome) continue
    taken++
    expect(outcome, JSON.stringify(damaged)).toEqual(await nodes(bytes))
  }
  expect(taken).toBeGreaterThan(100)
})

test.each([
  ['HTTP/1.1 200 OK\ncontent-length: 0\n\n', true],
  ['HTTP/1.1 200 OK\ncontent-length: 0\nConnection: close\n\n', false],
  ['HTTP/1.1 200 OK\ncontent-length: 0\nConnection: x, Close\n\n', false],
  ['HTTP/1.0 200 OK\ncontent-length: 0\n\n', false],
  ['HTTP/1.0 200 OK\ncontent-length: 0\nConnection: Keep-Alive\n\n', true],
  ['HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n0\n\n', true],
  ['HTTP/1.1 200 OK\n\nto the end', false],
])('after %j the connection may be used again: %s', (text, expected) => {
  const kept: boolean[] = []
  const parser = new ResponseParser({
    onHead() {},
    onBody() {},
    onEnd: it => void kept.push(it),
  })
  parser.expect()
  parser.read(http(text))
  parser.close()
  expect(kept).toEqual([expected])
})

test.each([
  ['a head', 'HTTP/1.1 200 OK\nX: '],
  ['the size of a chunk', 'HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n1;'],
])('%s without end is refused while it comes', (_, text) => {
  const parser = new ResponseParser({ onHead() {}, onBody() {}, onEnd() {} })
  parser.expect()
  parser.read(http(text))
  const readOn = () => {
    for (let bytes = 0; bytes < 64 * 1024; bytes += 1024) parser.read(Buffer.alloc(1024, 'x'))
  }
  expect(readOn).toThrow('too long')
})
