import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import type { Inbox, Relay } from '../../src/session-table/relay.ts'

/** What every relay promises. Each `make` gives another environment's view of the same store. */
export function relaySuite(make: () => Promise<Relay>) {
  const session = (owner = 'account/principal') => ({
    id: randomBytes(18).toString('base64url'),
    owner,
  })

  test('messages are delivered in order of arrival', async () => {
    const [reader, poster] = [await make(), await make()]
    const s = session()
    const inbox = await reader.open(s)
    for (const n of range(20)) expect(await poster.post(s, `message ${n}`)).toBe(true)
    expect(await take(inbox, 20)).toEqual(range(20).map(n => `message ${n}`))
  })

  test('a message that was posted before the inbox was read is delivered', async () => {
    const relay = await make()
    const s = session()
    const inbox = await relay.open(s)
    await relay.post(s, 'early')
    const messages = inbox.messages(AbortSignal.timeout(10_000))[Symbol.asyncIterator]()
    expect((await messages.next()).value).toBe('early')
    await relay.post(s, 'late')
    expect((await messages.next()).value).toBe('late')
  })

  test('a message of 6 MB arrives whole and in order', async () => {
    const [reader, poster] = [await make(), await make()]
    const s = session()
    const inbox = await reader.open(s)
    // Characters of two, three and four bytes: the borders between parts cut through some.
    const large = 'é€𝄞'.repeat(700_000)
    await poster.post(s, 'before')
    await poster.post(s, large)
    await poster.post(s, 'after')
    const [before, middle, after] = await take(inbox, 3)
    expect([before, after]).toEqual(['before', 'after'])
    expect(middle === large).toBe(true)
  })

  test('a message of 6 MB to a session that is not open is refused', async () => {
    const relay = await make()
    const s = session()
    const large = 'x'.repeat(6_000_000)
    expect(await relay.post(s, large)).toBe(false)
    const inbox = await relay.open(s)
    expect(await relay.post({ ...s, owner: 'account/another' }, large)).toBe(false)
    expect(await relay.post(s, large)).toBe(true)
    await inbox.close()
    expect(await relay.post(s, large)).toBe(false)
    expect((await all(inbox)).map(it => it.length)).toEqual([large.length])
  })

  test('sessions do not see each other’s messages', async () => {
    const relay = await make()
    const [a, b] = [session(), session()]
    const inboxes = [await relay.open(a), await relay.open(b)] as const
    await relay.post(a, 'for a')
    await relay.post(b, 'for b')
    expect([await take(inboxes[0], 1), await take(inboxes[1], 1)]).toEqual([['for a'], ['for b']])
  })

  test('a post to an unknown session or to another owner’s is refused and not stored', async () => {
    const relay = await make()
    const s = session()
    expect(await relay.post(s, 'too early')).toBe(false)
    const inbox = await relay.open(s)
    expect(await relay.post({ ...s, owner: 'account/other' }, 'forged')).toBe(false)
    await relay.post(s, 'mine')
    expect(await take(inbox, 1)).toEqual(['mine'])
  })

  test('another owner cannot open a session that exists', async () => {
    const relay = await make()
    const s = session()
    await relay.open(s)
    await expect(relay.open({ ...s, owner: 'account/other' })).rejects.toThrow()
  })

  test('closing refuses new posts and still delivers accepted ones', async () => {
    const [reader, poster] = [await make(), await make()]
    const s = session()
    const inbox = await reader.open(s)
    await poster.post(s, '1')
    await poster.post(s, '2')
    await inbox.close()
    expect(await poster.post(s, '3')).toBe(false)
    expect(await inbox.renew()).toBe(false)
    expect(await all(inbox)).toEqual(['1', '2'])
  })

  test('a post that races with closing is either refused or delivered', async () => {
    const [reader, poster] = [await make(), await make()]
    for (const round of range(15)) {
      const s = session()
      const inbox = await reader.open(s)
      const posts = range(6).map(n => poster.post(s, String(n)))
      await sleep(round % 5)
      await inbox.close()
      const [received, accepted] = await Promise.all([all(inbox), Promise.all(posts)])
      expect(received.sort()).toEqual(
        range(6)
          .filter(n => accepted[n])
          .map(String),
      )
    }
  })

  test('each message reaches exactly one of two environments that read one session', async () => {
    const [one, two, poster] = [await make(), await make(), await make()]
    const s = session()
    const inboxes = [await one.open(s), two.join(s.id)]
    const received: string[][] = [[], []]
    const done = new AbortController()
    const count = 200
    const readers = inboxes.map(async (inbox, n) => {
      for await (const message of inbox.messages(done.signal)) {
        received[n]?.push(message)
        if (received.flat().length === count) done.abort()
      }
    })
    await Promise.all(
      range(4).map(async lane => {
        for (const n of range(count / 4)) await poster.post(s, `${lane}:${n}`)
      }),
    )
    await Promise.all(readers)
    const expected = range(4).flatMap(lane => range(count / 4).map(n => `${lane}:${n}`))
    expect(received.flat().sort()).toEqual(expected.sort())
    for (const mine of received)
      for (const lane of range(4)) {
        const order = mine
          .filter(it => it.startsWith(`${lane}:`))
          .map(it => Number(it.split(':')[1]))
        expect(order, 'in the order of arrival').toEqual([...order].sort((a, b) => a - b))
      }
  })

  test('a thousand messages that are posted while a reader takes them are delivered once each', async () => {
    const [reader, poster] = [await make(), await make()]
    const s = session()
    const inbox = await reader.open(s)
    const received: string[] = []
    const done = new AbortController()
    const reading = (async () => {
      for await (const message of inbox.messages(done.signal))
        if (received.push(message) === 1000) done.abort()
    })()
    await Promise.all(
      range(5).map(async lane => {
        for (const n of range(200)) expect(await poster.post(s, `${lane}:${n}`)).toBe(true)
      }),
    )
    await reading
    expect(new Set(received).size).toBe(1000)
  })

  test('reading ends without an error when the signal aborts', async () => {
    const relay = await make()
    const inbox = await relay.open(session())
    for await (const message of inbox.messages(AbortSignal.timeout(50))) expect.fail(message)
  })
}

const range = (count: number) => Array.from({ length: count }, (_, n) => n)

/** The next `count` messages. */
export async function take(inbox: Inbox, count: number): Promise<string[]> {
  const taken: string[] = []
  for await (const message of inbox.messages(AbortSignal.timeout(20_000)))
    if (taken.push(message) === count) break
  return taken
}

/** Everything up to the end of a closed inbox. */
export async function all(inbox: Inbox): Promise<string[]> {
  const taken: string[] = []
  for await (const message of inbox.messages(AbortSignal.timeout(20_000))) taken.push(message)
  return taken
}
