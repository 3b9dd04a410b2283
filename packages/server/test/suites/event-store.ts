import { randomBytes } from 'node:crypto'

import { expect, test, vi } from 'vitest'

import type { EventStore, StoredEvents } from '../../src/session-table/event-store.ts'

export const newStream = () => ({
  session: 'session',
  stream: randomBytes(12).toString('base64url'),
})

export const textsOf = (stored: StoredEvents | undefined) => stored?.messages.map(it => it.message)

/**
 * What every event store promises. Each `make` gives another environment's view of the same store,
 * whose writers have a lease of `leaseSeconds`.
 */
export function eventStoreSuite(make: (leaseSeconds?: number) => EventStore) {
  test('another environment reads the messages in order, starting after any message', async () => {
    const stream = newStream()
    const eventWriter = make().open(stream, [7, 'eight'])
    for (const message of ['one', 'two', 'three']) await eventWriter.add(message)
    await eventWriter.close()

    expect(await make().read(stream, 0)).toEqual({
      messages: [
        { sequence: 1, message: 'one' },
        { sequence: 2, message: 'two' },
        { sequence: 3, message: 'three' },
      ],
      state: 'complete',
      requests: [7, 'eight'],
    })
    expect(textsOf(await make().read(stream, 2))).toEqual(['three'])
    expect(textsOf(await make().read(stream, 3))).toEqual([])
  })

  test.each([0, 2])('the last message may come with the end, after %i others', async count => {
    for (const last of ['last é', 'x'.repeat(500_000)]) {
      const stream = newStream()
      const eventWriter = make().open(stream, [1])
      const others = Array.from({ length: count }, (_, n) => `${n}`)
      for (const message of others) await eventWriter.add(message)
      await eventWriter.close(last)
      const stored = await make().read(stream, 0)
      expect(stored?.messages).toEqual(
        [...others, last].map((message, n) => ({ sequence: n + 1, message })),
      )
      expect(stored?.state).toBe('complete')
      expect(textsOf(await make().read(stream, count))).toEqual([last])
      expect(textsOf(await make().read(stream, count + 1))).toEqual([])
    }
  })

  test('a message of 6 MB and many of 100 KB come back whole, page by page', async () => {
    const stream = newStream()
    const eventWriter = make().open(stream, [1])
    const large = 'é'.repeat(3 * 1024 * 1024)
    const messages = [
      'first',
      large,
      ...Array.from({ length: 30 }, (_, n) => `${n}`.padEnd(100_000)),
    ]
    for (const message of messages) await eventWriter.add(message)
    await eventWriter.close()

    const eventStore = make()
    const read: string[] = []
    const states = new Set<string>()
    for (let after = 0; ; ) {
      const stored = await eventStore.read(stream, after)
      if (!stored || stored.messages.length === 0) break
      states.add(stored.state)
      read.push(...stored.messages.map(it => it.message))
      after = stored.messages.at(-1)?.sequence ?? after
    }
    expect(read.length).toBe(messages.length)
    expect(read.every((it, n) => it === messages[n])).toBe(true)
    // Only the last page says that the stream is complete.
    expect([...states]).toEqual(['running', 'complete'])
  })

  test('one read returns 8 MB of messages at the most', async () => {
    const stream = newStream()
    const eventWriter = make().open(stream, [1])
    const sizes = [1, 2, 3].map(n => 3_000_000 + n)
    for (const size of sizes) await eventWriter.add('x'.repeat(size))
    await eventWriter.close('last')
    const sizesAfter = async (after: number) => {
      const stored = await make().read(stream, after)
      return [...(stored?.messages.map(it => it.message.length) ?? []), stored?.state]
    }
    expect(await sizesAfter(0)).toEqual([sizes[0], sizes[1], 'running'])
    expect(await sizesAfter(2)).toEqual([sizes[2], 4, 'complete'])
  })

  test('a stream is lost when its writer does not renew its lease in time', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const stream = newStream()
      const eventStore = make(10)
      const eventWriter = eventStore.open(stream, [1])
      await eventWriter.add('one')
      await vi.waitUntil(async () => (await eventStore.read(stream, 0))?.messages.length)
      expect((await eventStore.read(stream, 0))?.state).toBe('running')
      vi.setSystemTime(Date.now() + 9_000)
      await eventWriter.renew()
      vi.setSystemTime(Date.now() + 9_000)
      expect((await eventStore.read(stream, 0))?.state).toBe('running')
      vi.setSystemTime(Date.now() + 2_000)
      expect(await eventStore.read(stream, 0)).toMatchObject({
        state: 'lost',
        messages: [{ message: 'one' }],
      })
      // The table may delete the stream days later.
      vi.setSystemTime(Date.now() + 16 * 60_000)
      expect(await eventStore.read(stream, 0)).toBeUndefined()
    } finally {
      vi.useRealTimers()
    }
  })

  test('a stream is known by its beginning, for its first lease, before anything is stored', async () => {
    const now = Math.floor(Date.now() / 1_000)
    const stateAt = async (startedAt: number) =>
      (await make(10).read(newStream(), 0, { startedAt, requests: [7, 'x'] }))?.state
    expect(await make(10).read(newStream(), 0, { startedAt: now, requests: [7, 'x'] })).toEqual({
      messages: [],
      state: 'running',
      requests: [7, 'x'],
    })
    expect(await stateAt(now - 12)).toBe('lost')
    // Such a stream may be complete, and its items may have expired.
    expect(await stateAt(now - 16 * 60)).toBeUndefined()
    // No clock is so far off.
    expect(await stateAt(now + 3_600)).toBeUndefined()
  })

  test('a response alone is one item, in whatever order its writes arrive', async () => {
    const stream = newStream()
    const eventWriter = make().open(stream, [7])
    const renewed = eventWriter.renew()
    await eventWriter.close('the response')
    await Promise.all([renewed, eventWriter.renew()])
    expect(await make().read(stream, 0)).toEqual({
      messages: [{ sequence: 1, message: 'the response' }],
      state: 'complete',
      requests: [7],
    })
  })

  test('a stream that was never opened is unknown', async () => {
    expect(await make().read(newStream(), 0)).toBeUndefined()
  })
}
