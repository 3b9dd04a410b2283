import { expect, test } from 'vitest'

import { readEvents } from '../src/http/event-stream.ts'
import { serve } from './support/server.ts'

test.each([
  ['\n', 'data: one\n\ndata: two\n\n'],
  ['\r\n', 'data: one\r\n\r\ndata: two\r\n\r\n'],
  ['\r', 'data: one\r\rdata: two\r\r'],
])('reads the last event of a stream whose lines end in %j', async (_end, text) => {
  expect(await eventsOf(text)).toEqual(['one', 'two'])
})

test('does not read an event that breaks off', async () => {
  expect(await eventsOf('data: one\n\ndata: two\n')).toEqual(['one'])
  expect(await eventsOf('data: one\r\rdata: two\r')).toEqual(['one'])
})

test('reads an event at once when a carriage return ends a chunk', async () => {
  expect(await eventsOf('data: one\r\r', 'event: x')).toEqual(['one'])
  expect(await eventsOf('data: one\r', '\n\r', '\ndata: two\r', '\r')).toEqual(['one', 'two'])
})

test('a process that was busy for long reads what has arrived before it gives a stream up', async () => {
  let end = () => {}
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: before\n\n')
    end = () => response.end('data: after\n\n')
  })
  const { body } = await fetch(url)
  if (!body) throw new Error('The response has no body')
  const events: string[] = []
  const reading = readEvents(body, {
    heartbeatTimeoutMs: 100,
    onEvent({ data }) {
      events.push(data)
      if (data === 'after') return
      // When the stream is being read again.
      setTimeout(() => {
        end()
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
      }, 10)
    },
  })
  await reading
  expect(events).toEqual(['before', 'after'])
})

async function eventsOf(...chunks: string[]) {
  const events: string[] = []
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk))
      controller.close()
    },
  })
  await readEvents(body, {
    heartbeatTimeoutMs: 10_000,
    onEvent: ({ data }) => void events.push(data),
  })
  return events
}
