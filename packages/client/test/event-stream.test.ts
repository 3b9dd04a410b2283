import { expect, test } from 'vitest'

import { readEvents } from '../src/http/event-stream.ts'

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
