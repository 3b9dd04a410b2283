import { randomBytes } from 'node:crypto'

import { expect, test, vi } from 'vitest'

import { type McpSessions, requestKey } from '../../src/session-table/sessions.ts'
import { MAX_SUBSCRIPTION_BYTES, MAX_SUBSCRIPTIONS } from '../../src/subscription-limits.ts'

/**
 * What every store of MCP sessions promises. Each `make` gives another environment's view of it.
 */
export function mcpSessionsSuite(make: () => McpSessions) {
  async function create() {
    const id = randomBytes(18).toString('base64url')
    await make().create({
      id,
      owner: 'me',
      initialize: '{"capabilities":{}}',
      protocolVersion: '2025-11-25',
      registrations: '7',
    })
    return id
  }

  test('every environment sees the state of a session, for its owner only', async () => {
    const id = await create()
    await make().setLogLevel(id, 'error')
    await make().subscribe(id, 'a://b#c.d[0]', 'token')
    expect(await make().get(id, 'me')).toEqual({
      id,
      owner: 'me',
      initialize: '{"capabilities":{}}',
      protocolVersion: '2025-11-25',
      registrations: '7',
      logLevel: 'error',
      subscriptions: new Map([['a://b#c.d[0]', 'token']]),
      inFlight: new Map(),
    })
    expect(await make().get(id, 'another owner')).toBeUndefined()
    await make().unsubscribe(id, 'a://b#c.d[0]')
    expect((await make().get(id, 'me'))?.subscriptions.size).toBe(0)
  })

  test('a session expires one hour after its last use', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const id = await create()
      for (let n = 0; n < 3; n++) {
        vi.setSystemTime(Date.now() + 50 * 60_000)
        expect(await make().get(id, 'me')).toBeDefined()
      }
      vi.setSystemTime(Date.now() + 61 * 60_000)
      expect(await make().get(id, 'me')).toBeUndefined()
    } finally {
      vi.useRealTimers()
    }
  })

  test('a late change does not bring a removed session back', async () => {
    const id = await create()
    await make().remove(id)
    await make().setLogLevel(id, 'error')
    await make().subscribe(id, 'a://b', 'token')
    await make().unsubscribe(id, 'a://b')
    expect(await make().get(id, 'me')).toBeUndefined()
  })

  test('keeps the last time of each cancellation, for ids of any length', async () => {
    const [id, other] = [await create(), await create()]
    const long = 'x'.repeat(100_000)
    await make().cancel(id, 1, 100)
    await make().cancel(id, '1', 200)
    await make().cancel(id, long, 300)
    await make().cancel(id, long, 400)
    expect(await make().cancelled(id)).toEqual(
      new Map([
        [requestKey(1), 100],
        [requestKey('1'), 200],
        [requestKey(long), 400],
      ]),
    )
    expect(await make().cancelled(other)).toEqual(new Map())
  })

  test('of two requests with one id only the first is in flight, until it is finished', async () => {
    const id = await create()
    const [first, second] = ['a', 'b'].map(stream => ({
      stream,
      startedAt: 1_700_000_000,
      until: 9_000_000_000_000,
    }))
    if (!first || !second) throw new Error('unreachable')
    expect(await make().begin(id, [1, 'x'], first)).toBe(true)
    expect(await make().begin(id, [1, 'x'], first), 'a repeated write').toBe(true)
    expect(await make().begin(id, [2, 1], second)).toBe(false)
    expect((await make().get(id, 'me'))?.inFlight).toEqual(
      new Map([
        [requestKey(1), first],
        [requestKey('x'), first],
      ]),
    )
    await make().finish(id, [1], second)
    expect(await make().begin(id, [1], second)).toBe(false)
    await make().finish(id, [1], first)
    expect(await make().begin(id, [1], second)).toBe(true)
  })

  test('a request of a session that was removed is in flight without a record', async () => {
    const id = await create()
    await make().remove(id)
    expect(await make().begin(id, [1], { stream: 'a', startedAt: 1, until: 1 })).toBe(true)
    await make().finish(id, [1], { stream: 'a', startedAt: 1, until: 1 })
    expect(await make().get(id, 'me')).toBeUndefined()
  })

  test('bounds the bytes of all subscriptions, and gives back those of an old one', async () => {
    const id = await create()
    const uri = (n: number) => `a://${n}/`.padEnd(8_192, 'x')
    const count = MAX_SUBSCRIPTION_BYTES / 8_192
    for (let n = 0; n < count; n++) expect(await make().subscribe(id, uri(n), '')).toBe(true)
    expect(await make().subscribe(id, uri(count), '')).toBe(false)
    expect(await make().subscribe(id, uri(0), 'token'), 'renewed').toBe(true)
    await make().unsubscribe(id, uri(0))
    await make().unsubscribe(id, uri(0))
    expect(await make().subscribe(id, uri(count), '')).toBe(true)
    expect(await make().subscribe(id, uri(0), '')).toBe(false)
  })

  test('a full session refuses new subscriptions and renews existing ones', async () => {
    const id = await create()
    const sessions = make()
    const uris = Array.from({ length: MAX_SUBSCRIPTIONS }, (_, n) => `a://${n}`)
    // The emulated table answers in time only where not all come at once.
    for (let n = 0; n < MAX_SUBSCRIPTIONS; n += 50) {
      const some = uris.slice(n, n + 50).map(uri => sessions.subscribe(id, uri, ''))
      expect((await Promise.all(some)).every(Boolean)).toBe(true)
    }
    expect(await sessions.subscribe(id, 'a://one-more', '')).toBe(false)
    expect(await sessions.subscribe(id, 'a://7', 'token')).toBe(true)
    expect((await sessions.get(id, 'me'))?.subscriptions.get('a://7')).toBe('token')
  })
}
