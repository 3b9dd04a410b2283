import { expect, test } from 'vitest'

import {
  createStreamName,
  eventId,
  eventPlace,
  firstEventId,
} from '../../src/gateway/streamable/event-id.ts'

test('the first event id tells the beginning of the stream, for ids of every kind', () => {
  for (const id of [7, -1, 'text', '7', '"é\n', '']) {
    const stream = createStreamName()
    const beginning = { startedAt: 1_796_000_000, requests: [id] }
    const first = firstEventId(stream, beginning) ?? ''
    // Clients send it back as a header.
    expect(first).toMatch(/^[\w.-]+$/)
    expect(eventPlace(first)).toEqual({ stream, sequence: 0, beginning })
  }
})

test('ids of requests that are too long are not in an event id', () => {
  const beginning = { startedAt: 1, requests: ['x'.repeat(1_000)] }
  expect(firstEventId(createStreamName(), beginning)).toBeUndefined()
})

test('a later event id tells its place alone', () => {
  const stream = createStreamName()
  expect(eventPlace(eventId(stream, 12))).toEqual({ stream, sequence: 12 })
})

test.each([
  '',
  'what?',
  'AAAAAAAAAAAAAAAA',
  'AAAAAAAAAAAAAAAA.1.2',
  'AAAAAAAAAAAAAAAA.0.1.bm9wZQ',
  `AAAAAAAAAAAAAAAA.0.1.${Buffer.from('[null]').toString('base64url')}`,
  `AAAAAAAAAAAAAAAA.0.1.${Buffer.from('{}').toString('base64url')}`,
  `AAAAAAAAAAAAAAAA.0.1.${'A'.repeat(500)}`,
])('"%s" is not an event id of ours', id => {
  expect(eventPlace(id)).toBeUndefined()
})
