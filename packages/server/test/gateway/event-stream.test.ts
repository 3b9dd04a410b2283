import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import {
  createEventStream,
  eventResponse,
  withOurEventStream,
} from '../../src/gateway/wire/event-stream.ts'
import { toWeb } from '../support/event-stream.ts'

const LINE_ENDS = '\u0085 \u2028 \u2029'
const PUSH = ': \n\n'
const notification = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress' })
const response = JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} })

/** Reads the chunks of a response, one at a time. */
function chunksOf({ body }: Response) {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  return async () => (await reader?.read())?.value
}

test('characters that some clients take for the end of a line are written as escapes', async () => {
  const data = JSON.stringify({ text: LINE_ENDS })
  const events = createEventStream()
  void events.event({ data }).then(events.end)
  const fromSdk = new Response(`event: message\ndata: ${data}\n\n`, {
    headers: { 'content-type': 'text/event-stream' },
  })
  const whole = eventResponse([{ data }]).text
  const all = [events.response, withOurEventStream(fromSdk)].map(toWeb)
  for (const it of [...all, new Response(whole)]) {
    const text = await it.text()
    expect(text).not.toMatch(/[\u0085\u2028\u2029]/)
    expect(JSON.parse(/data: (.*)/.exec(text)?.[1] ?? '')).toEqual({ text: LINE_ENDS })
  }
})

test('a response that is no event stream stays as it is', async () => {
  const json = Response.json({ text: LINE_ENDS })
  expect(withOurEventStream(json)).toBe(json)
  const empty = new Response(null, { status: 202 })
  expect(withOurEventStream(empty)).toBe(empty)
})

test('a stream of the SDK that fails makes the response fail', async () => {
  const body = new ReadableStream({ start: controller => controller.error(new Error('broken')) })
  const failed = new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  await expect(toWeb(withOurEventStream(failed)).text()).rejects.toThrow('broken')
})

describe('with a clock', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('a comment of its own follows the last event of a burst, and pushes it out', async () => {
    const events = createEventStream()
    const read = chunksOf(toWeb(events.response))
    void events.event({ data: '1' })
    void events.event({ data: '2' })
    expect([await read(), await read()]).toEqual(['data: 1\n\n', 'data: 2\n\n'])
    const next = read()
    await vi.advanceTimersByTimeAsync(20)
    expect(await next).toBe(PUSH)
    await vi.advanceTimersByTimeAsync(60_000)
    void events.event({ data: '3' })
    expect(await read()).toBe('data: 3\n\n')
  })

  test('no comment follows an event that ends the response', async () => {
    const events = createEventStream()
    const text = toWeb(events.response).text()
    await events.event({ data: 'last' })
    await events.end()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await text).toBe('data: last\n\n')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a response is not written right after a notification', async () => {
    const events = createEventStream()
    const read = chunksOf(toWeb(events.response))
    void events.event({ data: notification })
    void events.event({ data: response })
    expect(await read()).toBe(`data: ${notification}\n\n`)
    let next: string | undefined
    void read().then(text => {
      next = text
    })
    await vi.advanceTimersByTimeAsync(9)
    expect(next).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(next).toBe(`data: ${response}\n\n`)
  })

  test('comments do not pile up for a reader that does not read', async () => {
    const events = createEventStream()
    const writes = [1, 2, 3].map(n => events.event({ data: `${n}` }))
    await vi.advanceTimersByTimeAsync(60_000)
    const read = chunksOf(toWeb(events.response))
    expect([await read(), await read(), await read()]).toEqual([1, 2, 3].map(n => `data: ${n}\n\n`))
    await Promise.all(writes)
    const next = read()
    await vi.advanceTimersByTimeAsync(20)
    expect(await next).toBe(PUSH)
  })
})

test('a stream that ends without an event has one byte, whenever its reader comes', async () => {
  const [early, late] = [createEventStream(), createEventStream()]
  const text = toWeb(early.response).text()
  await Promise.all([early.end(), late.end()])
  expect([await text, await toWeb(late.response).text()]).toEqual(['\n', '\n'])
})

test('a stream that is given up releases the writes that wait for its reader', async () => {
  const events = createEventStream()
  const writes = [events.event({ data: '1' }), events.event({ data: '2' })]
  events.abort(new Error('the reader takes no more'))
  await Promise.all(writes)
  await events.end()
  expect(events.closed.aborted).toBe(true)
  await expect(toWeb(events.response).text()).rejects.toThrow('the reader takes no more')
})
