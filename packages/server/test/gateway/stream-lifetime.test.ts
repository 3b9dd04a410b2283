import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createEventStream } from '../../src/gateway/wire/event-stream.ts'
import { createStreamLifetime, usableMs } from '../../src/gateway/wire/stream-lifetime.ts'
import { toWeb } from '../support/event-stream.ts'

const request = { heartbeatSeconds: 1, requestId: 'r' }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('sends heartbeats, one at a time while the reader does not read', async () => {
  const events = createEventStream()
  const comment = vi.spyOn(events, 'comment')
  const { stop } = createStreamLifetime({ events, ...request })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(comment).toHaveBeenCalledTimes(1)
  const reader = toWeb(events.response).body?.getReader()
  await reader?.read()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(comment).toHaveBeenCalledTimes(2)
  stop()
})

test('ends at the deadline, and only once', async () => {
  const onEnd = vi.fn()
  createStreamLifetime({
    ...request,
    timeMs: 2_500,
    lease: { renew: async () => true },
    idle: { timeoutSeconds: 10, ping: async () => {} },
    onEnd,
  })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(onEnd.mock.calls).toEqual([['deadline']])
  expect(vi.getTimerCount()).toBe(0)
})

test('ends when the lease is gone', async () => {
  const onEnd = vi.fn()
  createStreamLifetime({ ...request, lease: { renew: async () => false }, onEnd })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(onEnd.mock.calls).toEqual([['lease-lost']])
})

test('ends when the reader is gone', async () => {
  const onEnd = vi.fn()
  const events = createEventStream()
  createStreamLifetime({ events, ...request, onEnd })
  await toWeb(events.response).body?.cancel()
  await vi.advanceTimersByTimeAsync(0)
  expect(onEnd.mock.calls).toEqual([['reader-gone']])
})

const noAnswer = (timeoutMs: number) =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('timed out')), timeoutMs))

test('pings a client after each quiet heartbeat, and ends at the timeout when none is answered', async () => {
  const onEnd = vi.fn()
  const ping = vi.fn(noAnswer)
  createStreamLifetime({ ...request, idle: { timeoutSeconds: 8, ping }, onEnd })
  await vi.advanceTimersByTimeAsync(900)
  expect(ping).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(200)
  expect(ping).toHaveBeenCalledOnce()
  await vi.advanceTimersByTimeAsync(6_800)
  expect(onEnd).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(100)
  expect(onEnd.mock.calls).toEqual([['idle']])
})

test.each([5, 15, 20])(
  'with a heartbeat of %d s, ends within 45 s after a client that answered pings has left',
  async heartbeatSeconds => {
    const onEnd = vi.fn()
    let hasLeft = false
    const ping = vi.fn(async (ms: number) => (hasLeft ? noAnswer(ms) : undefined))
    createStreamLifetime({
      requestId: 'r',
      heartbeatSeconds,
      idle: { timeoutSeconds: 600, ping },
      onEnd,
    })
    await vi.advanceTimersByTimeAsync(heartbeatSeconds * 3_000 + 1)
    hasLeft = true
    const before = ping.mock.calls.length
    await vi.advanceTimersByTimeAsync(45_000)
    expect(ping.mock.calls.length - before).toBe(2)
    expect(onEnd.mock.calls).toEqual([['idle']])
  },
)

test('one missed ping does not end the stream', async () => {
  const onEnd = vi.fn()
  let pings = 0
  const ping = async (ms: number) => (++pings % 2 === 0 ? noAnswer(ms) : undefined)
  const { stop } = createStreamLifetime({ ...request, idle: { timeoutSeconds: 8, ping }, onEnd })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(onEnd).not.toHaveBeenCalled()
  stop()
})

test('an open call is a sign of life, and the next ping waits for a quiet heartbeat', async () => {
  const onEnd = vi.fn()
  let isBusy = false
  let answers = true
  const ping = vi.fn(async (ms: number) => (answers ? undefined : noAnswer(ms)))
  const idle = { timeoutSeconds: 8, ping, isBusy: () => isBusy }
  createStreamLifetime({ ...request, idle, onEnd })
  await vi.advanceTimersByTimeAsync(1_500)
  isBusy = true
  answers = false
  ping.mockClear()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(ping).not.toHaveBeenCalled()
  expect(onEnd).not.toHaveBeenCalled()
  isBusy = false
  await vi.advanceTimersByTimeAsync(5_000)
  expect(onEnd.mock.calls).toEqual([['idle']])
})

test('keeps a quiet stream open while the client answers pings', async () => {
  const onEnd = vi.fn()
  const ping = vi.fn(async () => {})
  const { stop } = createStreamLifetime({
    ...request,
    idle: { timeoutSeconds: 8, ping },
    onEnd,
  })
  await vi.advanceTimersByTimeAsync(80_000)
  expect(onEnd).not.toHaveBeenCalled()
  expect(ping.mock.calls.length).toBeGreaterThan(40)
  stop()
})

test('a sign of life postpones the ping', async () => {
  const ping = vi.fn(async () => {})
  const { stop, touch } = createStreamLifetime({
    ...request,
    idle: { timeoutSeconds: 8, ping },
  })
  for (let second = 0; second < 20; second++) {
    touch()
    await vi.advanceTimersByTimeAsync(900)
  }
  expect(ping).not.toHaveBeenCalled()
  stop()
})

test('a write to a stream without a reader resolves', async () => {
  const events = createEventStream()
  const pending = events.event({ data: 'before' })
  await toWeb(events.response).body?.cancel()
  await pending
  await events.event({ data: 'after' })
  await events.end()
  expect(events.closed.aborted).toBe(true)
})

test.each([
  [900_000, 895_000],
  [20_000, 18_000],
  [0, 0],
  [-5, 0],
])('of %d ms, streams may use %d ms', (remaining, usable) => {
  expect(usableMs(remaining)).toBe(usable)
})
