import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const { HttpResponseStream, streamifyResponse } = awslambda

/** @typedef {import('../../../../../test/globals/awslambda.d.ts').ResponseStream} ResponseStream */
/** @typedef {import('../../../../../test/globals/awslambda.d.ts').Context} Context */
/** @typedef {{ case?: string, rawPath?: string, rawQueryString?: string }} Event */

/** @param {Event} event */
const query = event => new URLSearchParams(event.rawQueryString)

/** @param {string | null} file */
async function untilFile(file) {
  while (!existsSync(file ?? '')) await sleep(10)
}

/**
 * One handler with many kinds of responses. The path chooses one, or `case` in a direct invocation.
 *
 * @type {Record<string, (stream: ResponseStream, event: Event, context: Context) => unknown>}
 */
const cases = {
  stream(stream, event) {
    const out = HttpResponseStream.from(stream, {
      statusCode: 201,
      headers: { 'content-type': 'text/event-stream' },
      cookies: ['a=b; HttpOnly', 'c=d'],
    })
    out.write('data: 0\n\n')
    out.write(`data: ${event.rawQueryString ?? ''}\n\n`)
    out.end()
  },
  renamed(stream) {
    const headers = {
      'WWW-Authenticate': 'Bearer realm="mcp"',
      Server: 'ours',
      date: 'Thu, 01 Jan 1970 00:00:00 GMT',
      'Content-Length': '4',
      connection: 'close',
      'x-other': 'kept',
    }
    HttpResponseStream.from(stream, { statusCode: 401, headers }).write('body')
    stream.end()
  },
  async delayed(stream) {
    const out = HttpResponseStream.from(stream, { statusCode: 200, headers: {} })
    for (const line of ['one', 'two', 'three']) {
      out.write(`${line}\n`)
      await sleep(30)
    }
    out.end()
  },
  raw(stream) {
    stream.setContentType('text/plain')
    stream.write('raw')
    stream.end()
  },
  'end-only': stream => void HttpResponseStream.from(stream, { statusCode: 404 }).end('lost'),
  'empty-end': stream => void HttpResponseStream.from(stream, { statusCode: 404 }).end(),
  'empty-write'(stream) {
    const out = HttpResponseStream.from(stream, { statusCode: 202, headers: { 'x-seen': 'yes' } })
    out.write('')
    out.end()
  },
  objects(stream) {
    stream.write({ a: 1 })
    stream.write(new Uint8Array([10]))
    stream.end()
  },
  'throw-before'(stream) {
    HttpResponseStream.from(stream, { statusCode: 200 })
    throw new TypeError('before \x7F the first byte')
  },
  async 'throw-later'(stream) {
    HttpResponseStream.from(stream, { statusCode: 200 }).write('part')
    await sleep(20)
    throw new RangeError('in the middle')
  },
  async 'throw-after-end'(stream) {
    HttpResponseStream.from(stream, { statusCode: 200 }).end('all')
    throw new Error('after the end')
  },
  'late-type'(stream) {
    stream.write('x')
    stream.setContentType('text/plain')
  },
  'bad-head'(stream) {
    HttpResponseStream.from(stream, { statusCode: 200, headers: { 'bad name': 'x' } }).write('x')
    stream.end()
  },
  'never-ends'(stream) {
    HttpResponseStream.from(stream, { statusCode: 200 }).write('open')
    return new Promise(() => {})
  },
  silent: () => new Promise(() => setInterval(() => {}, 1000)),
  exit: () => process.exit(3),
  async 'exit-later'(stream) {
    const out = HttpResponseStream.from(stream, { statusCode: 200 })
    await new Promise(sent => out.write('part', sent))
    process.exit(3)
  },
  busy(stream) {
    stream.write('x')
    for (;;);
  },
  echo(stream, event, context) {
    const out = HttpResponseStream.from(stream, { statusCode: 200, headers: {} })
    out.write(JSON.stringify({ event, requestId: context.awsRequestId, pid: process.pid }))
    out.end()
  },
  // Writes `pieces` of 64 KB with back-pressure. Then logs whether it had to wait.
  async many(stream, event) {
    const out = HttpResponseStream.from(stream, { statusCode: 200, headers: {} })
    const pieces = Number(query(event).get('pieces') ?? 16)
    let waits = 0
    for (let piece = 0; piece < pieces; piece++) {
      if (piece % 16 === 0) console.log(`wrote ${piece}`)
      if (out.write(Buffer.alloc(65_536, 97))) continue
      waits++
      await once(out, 'drain')
    }
    out.end()
    console.log(`wrote all, waited ${waits > 0 ? 'too' : 'never'}`)
  },
  async 'many-late'(stream, event, context) {
    await untilFile(query(event).get('go'))
    await cases.many?.(stream, event, context)
  },
  'head-only'(stream) {
    HttpResponseStream.from(stream, { statusCode: 203 }).write('')
    return new Promise(() => {})
  },
  // Goes on after its client has disconnected.
  async ticks(stream, event) {
    const out = HttpResponseStream.from(stream, { statusCode: 200, headers: {} })
    for (let tick = 1; tick <= Number(event.rawQueryString || 10); tick++) {
      out.write(`${tick}\n`)
      await sleep(20)
    }
    out.end()
    console.log('ticked to the end')
  },
  async 'exit-after-end'(stream) {
    HttpResponseStream.from(stream, { statusCode: 200 }).write('all')
    stream.end()
    await sleep(100)
    process.exit(5)
  },
  async 'long-error'(stream) {
    HttpResponseStream.from(stream, { statusCode: 200 }).write('part')
    await sleep(20)
    throw new Error('long '.repeat(100_000))
  },
  async 'after-end'(stream, event) {
    HttpResponseStream.from(stream, { statusCode: 200 }).write(`${process.pid}`)
    stream.end()
    await untilFile(query(event).get('go'))
    console.log('worked on')
  },
}

export const handler = streamifyResponse(async (/** @type {Event} */ event, stream, context) => {
  const name = event.case ?? event.rawPath?.split('/')[1] ?? ''
  return cases[name]?.(stream, event, context)
})
