import { randomBytes } from 'node:crypto'

import { expect, test, vi } from 'vitest'

import { MAX_SUBSCRIPTIONS, type McpSessions } from '../../src/session-table/sessions.ts'

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

  test('cancelled requests keep their ids, with numbers and strings apart', async () => {
    const [id, other] = [await create(), await create()]
    await make().cancel(id, 1)
    await make().cancel(id, '1')
    await make().cancel(id, 'a "quoted" one')
    expect((await make().cancelled(id)).sort()).toEqual(['1', 'a "quoted" one', 1].sort())
    expect(await make().cancelled(other)).toEqual([])
  })

  test('a full session refuses new subscriptions and renews existing ones', async () => {
    const id = await create()
    const sessions = make()
    const uris = Array.from({ length: MAX_SUBSCRIPTIONS }, (_, n) => `a://${n}`)
    const accepted = await Promise.all(uris.map(uri => sessions.subscribe(id, uri, '')))
    expect(accepted.every(Boolean)).toBe(true)
    expect(await sessions.subscribe(id, 'a://one-more', '')).toBe(false)
    expect(await sessions.subscribe(id, 'a://7', 'token')).toBe(true)
    expect((await sessions.get(id, 'me'))?.subscriptions.get('a://7')).toBe('token')
  })
}
