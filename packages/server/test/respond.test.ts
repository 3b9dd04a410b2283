import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'

import { expect, test } from 'vitest'

import { respond } from '../src/lambda/respond.ts'

const stream = (...chunks: string[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })

test.each<[string, BodyInit | null, string]>([
  ['no body', null, '\n'],
  ['an empty text', '', '\n'],
  ['a stream that ends without a byte', stream(), '\n'],
  ['a stream of empty chunks', stream('', ''), '\n'],
  ['a text', 'hello', 'hello'],
  ['a stream', stream('', 'a', '', 'b'), 'ab'],
])('a response with %s has at least one byte', async (_, body, expected) => {
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
  const response = new Response(body, { status: 200, headers: { 'x-a': 'b' } })
  const [written] = await Promise.all([buffer(out), respond(response, out, runtime as never)])
  expect(written.toString()).toBe(expected)
  expect(heads).toMatchObject([{ statusCode: 200, headers: { 'x-a': 'b' } }])
})
