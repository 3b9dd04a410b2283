import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'

import { expect, test } from 'vitest'

import type { HttpResponse } from '../src/http/http-request.ts'
import { respond } from '../src/lambda/respond.ts'

const stream = (...chunks: string[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })

const web = (body: BodyInit | null) => new Response(body, { headers: { 'x-a': 'b' } })
const complete = (text: string) => ({ status: 200, headers: { 'x-a': 'b' }, text })

test.each<[string, HttpResponse, string]>([
  ['no body', web(null), '\n'],
  ['an empty text', web(''), '\n'],
  ['a stream that ends without a byte', web(stream()), '\n'],
  ['a stream of empty chunks', web(stream('', '')), '\n'],
  ['a text', web('hello'), 'hello'],
  ['a stream', web(stream('', 'a', '', 'b')), 'ab'],
  ['a text that is complete', complete('hello'), 'hello'],
  ['nothing that is complete', complete(''), '\n'],
])('a response with %s has at least one byte', async (_, response, expected) => {
  const out = new PassThrough()
  const heads: object[] = []
  const runtime = {
    streamifyResponse: <Handler>(handler: Handler) => handler,
    HttpResponseStream: {
      from(to: PassThrough, head: object) {
        heads.push(head)
        return to
      },
    },
  }
  const [written] = await Promise.all([buffer(out), respond(response, out, runtime as never)])
  expect(written.toString()).toBe(expected)
  expect(heads).toMatchObject([{ statusCode: 200, headers: { 'x-a': 'b' } }])
})

test('a complete response whose reader is gone fails, and does not hang', async () => {
  const out = new PassThrough()
  out.destroy(new Error('gone'))
  const runtime = { HttpResponseStream: { from: () => out } }
  await expect(respond(complete('hello'), out, runtime as never)).rejects.toThrow('gone')
})
