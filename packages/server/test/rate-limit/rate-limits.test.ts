import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import type { DynamoDb } from '../../src/dynamodb/dynamodb.ts'
import type { RateLimit } from '../../src/rate-limit/charges.ts'
import { RateLimited } from '../../src/rate-limit/rate-limited.ts'
import {
  createRateLimits,
  type LimitedRequest,
  type RateLimits,
} from '../../src/rate-limit/rate-limits.ts'
import { dynamoRateLimits } from '../../src/session-table/dynamo-rate-limits.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

/** 2026-11-27. The tests move this clock; the table has none. */
let time = 1_795_737_600_000

const callerOf = (owner: string) => ({
  arn: `arn:aws:iam::1:user/${owner}`,
  accountId: '1',
  owner,
})

const tool = (name: string, rateLimit?: { perSecond: number; burst?: number }) => ({
  id: `tool-${name}`,
  ...(rateLimit && { rateLimit }),
})

interface Given {
  dynamo?: DynamoDb
  ofCaller?: RateLimit | undefined
  onFailure?: 'open' | 'closed'
}

/** One environment of the gateway. */
const environment = ({
  dynamo = emulator.dynamo(),
  ofCaller,
  onFailure = 'open',
}: Given): RateLimits =>
  createRateLimits({
    store: dynamoRateLimits(dynamo, emulator.tables.SessionTable),
    ofCaller,
    onFailure,
    now: () => time,
  })

/** True, or the refusal. As on Lambda, the environment then waits for its charge. */
async function request(limits: RateLimits, wanted: LimitedRequest): Promise<true | RateLimited> {
  try {
    await limits.admit(wanted)
    await limits.settled()
    return true
  } catch (error) {
    if (error instanceof RateLimited) return error
    throw error
  }
}

const environments = (count: number, given: Given) =>
  Array.from({ length: count }, () => environment(given))

/** How many of these requests are admitted, each by the next environment. */
async function admitted(all: RateLimits[], wanted: LimitedRequest, requests: number) {
  let count = 0
  for (let n = 0; n < requests; n++)
    if ((await request(all[n % all.length] as RateLimits, wanted)) === true) count += 1
  return count
}

describe('across eight environments', () => {
  test.each([
    { perSecond: 5, burst: 5, wantedPerSecond: 25, seconds: 30 },
    { perSecond: 5, burst: 1, wantedPerSecond: 12, seconds: 12 },
    { perSecond: 1, burst: 1, wantedPerSecond: 4, seconds: 30 },
    { perSecond: 20, burst: 20, wantedPerSecond: 40, seconds: 4 },
  ])(
    '$perSecond/s with a burst of $burst are admitted within 10 %',
    { timeout: 60_000 },
    async ({ perSecond, burst, wantedPerSecond, seconds }) => {
      const callers = ['one', 'two', 'three'].map(it => callerOf(`${it}-${perSecond}-${burst}`))
      const all = environments(8, { ofCaller: { perSecond, burst } })
      const counts = callers.map(() => 0)
      const stepMs = 1000 / wantedPerSecond
      let random = 1
      // The burst, and what each environment admits before it knows the others, come first.
      const warmUp = (burst + all.length) / perSecond
      const steps = Math.round((warmUp + seconds) * wantedPerSecond)
      for (let step = 0; step < steps; step++) {
        time += stepMs
        const isMeasured = step * stepMs >= warmUp * 1000
        for (const [n, caller] of callers.entries()) {
          random = (random * 48_271) % 2_147_483_647
          const limits = all[random % all.length] as RateLimits
          const isAdmitted = (await request(limits, { caller })) === true
          if (isAdmitted && isMeasured) counts[n] = (counts[n] ?? 0) + 1
        }
      }
      for (const count of counts) {
        expect(count).toBeGreaterThan(perSecond * seconds * 0.9)
        expect(count).toBeLessThan(perSecond * seconds * 1.1)
      }
    },
  )

  test('what they admit too much at first is admitted less afterwards', async () => {
    const caller = callerOf('cold')
    const all = environments(8, { ofCaller: { perSecond: 1, burst: 1 } })
    expect(await admitted(all, { caller }, 16)).toBe(8)
    let count = 0
    for (let second = 0; second < 16; second++) {
      time += 1_000
      count += await admitted(all, { caller }, 8)
    }
    // One for each second, one at once, and at most one more for each environment.
    expect(8 + count).toBeGreaterThanOrEqual(17)
    expect(8 + count).toBeLessThanOrEqual(17 + 8)
  })

  test('a pause gives the burst again, and no more', async () => {
    const caller = callerOf('pausing')
    const all = environments(2, { ofCaller: { perSecond: 5, burst: 10 } })
    expect(await admitted(all, { caller }, 30)).toBeLessThanOrEqual(11)
    time += 3_600_000
    expect(await admitted(all, { caller }, 30)).toBeLessThanOrEqual(11)
    time += 1_000
    expect(await admitted(all, { caller }, 30)).toBeGreaterThanOrEqual(4)
  })
})

test('the limit of a registration holds for each caller and each registration', async () => {
  const limits = environment({})
  const [one, other] = [callerOf('a'), callerOf('b')]
  const slow = tool('slow', { perSecond: 1 })
  expect(await request(limits, { caller: one, registration: slow })).toBe(true)
  const refused = await request(limits, { caller: one, registration: slow })
  expect(refused).toBeInstanceOf(RateLimited)
  expect((refused as RateLimited).message).toContain('tool-slow')
  expect(await request(limits, { caller: other, registration: slow })).toBe(true)
  const another = tool('other', { perSecond: 1 })
  expect(await request(limits, { caller: one, registration: another })).toBe(true)
  expect(await request(limits, { caller: one, registration: tool('free') })).toBe(true)
})

test('a refused request is charged nowhere, and says when to come back', async () => {
  let writes = 0
  const dynamo = emulator.dynamo(send => (operation, input) => {
    writes += 1
    return send(operation, input)
  })
  const limits = environment({ dynamo, ofCaller: { perSecond: 0.5, burst: 2 } })
  const caller = callerOf('refused')
  const registration = tool('scarce', { perSecond: 0.25, burst: 1 })
  expect(await request(limits, { caller, registration })).toBe(true)
  expect(writes).toBe(2)
  const refused = (await request(limits, { caller, registration })) as RateLimited
  expect(refused.data).toEqual({
    reason: 'rate_limited',
    retryAfter: expect.closeTo(4, 0),
    retrySafe: true,
  })
  expect(refused.headers['retry-after']).toBe('4')
  // The caller still has its second request.
  expect(await request(limits, { caller })).toBe(true)
  expect(await request(limits, { caller })).toBeInstanceOf(RateLimited)
  expect(writes).toBe(3)
})

test('requests that come at once are charged by two writes', async () => {
  let writes = 0
  const dynamo = emulator.dynamo(send => (operation, input) => {
    writes += 1
    return send(operation, input)
  })
  const caller = callerOf('many')
  const limits = environment({ dynamo, ofCaller: { perSecond: 50, burst: 50 } })
  time = Math.ceil(time / 50) * 50 // the begin of a slot
  const all = Array.from({ length: 60 }, () => request(limits, { caller }))
  const results = await Promise.all(all)
  expect(results.filter(it => it === true)).toHaveLength(50)
  expect(writes).toBe(2)
  // Another environment knows all of them after its first request.
  const other = environment({ ofCaller: { perSecond: 50, burst: 50 } })
  expect(await request(other, { caller })).toBe(true)
  expect(await request(other, { caller })).toBeInstanceOf(RateLimited)
})

test('the item of a limit stays small', async () => {
  const caller = callerOf('steady')
  const all = environments(3, { ofCaller: { perSecond: 100, burst: 100 } })
  for (let n = 0; n < 120; n++) {
    time += 50
    await request(all[n % 3] as RateLimits, { caller })
  }
  const { Item } = await emulator.dynamo().getItem({
    TableName: emulator.tables.SessionTable,
    Key: { channel: { S: 'rate##steady' }, position: { S: 'charges#100/100' } },
  })
  expect(Object.keys(Item ?? {}).length).toBeLessThan(60)
  expect(JSON.stringify(Item).length).toBeLessThan(1_600)
  expect(Number(Item?.['expiresAt']?.N)).toBeGreaterThan(time / 1000)
})

describe('a limit that changes begins anew, in every environment', () => {
  test('raised: a debt of the old limit is gone', async () => {
    const caller = callerOf('raised')
    const all = environments(2, {})
    const at = (perSecond: number, burst: number) => ({
      caller,
      registration: tool('raised', { perSecond, burst }),
    })
    expect(await admitted(all, at(0.001, 40), 80)).toBeLessThan(45)
    time += 60_000
    expect(await admitted(all, at(0.001, 40), 4)).toBe(0)
    expect(await admitted(all, at(100, 100), 20)).toBe(20)
  })

  test('lowered: what the old limit admitted is no debt', async () => {
    const caller = callerOf('lowered')
    const ofCaller = { perSecond: 100, burst: 100 }
    expect(await admitted(environments(1, { ofCaller }), { caller }, 100)).toBe(100)
    time += 60_000
    const lowered = environment({ ofCaller: { perSecond: 1, burst: 1 } })
    for (let second = 0; second < 3; second++) {
      expect(await request(lowered, { caller })).toBe(true)
      time += 1_000
    }
  })
})

describe('a clock', () => {
  test('that is set back by seconds is no failure, and each call is charged once', async () => {
    const caller = callerOf('set-back')
    const ofCaller = { perSecond: 1, burst: 20 }
    const limits = environment({ ofCaller, onFailure: 'closed' })
    expect(await request(limits, { caller })).toBe(true)
    time += 3_000
    expect(await request(limits, { caller })).toBe(true)
    time -= 3_000
    expect(await admitted([limits], { caller }, 40)).toBe(18)
    time += 3_000
  })

  test('that is behind those of the others admits no more than the limit', async () => {
    const caller = callerOf('behind')
    const ofCaller = { perSecond: 20, burst: 100 }
    const limits = environment({ ofCaller })
    for (let n = 0; n < 60; n++) {
      time += 100
      expect(await request(limits, { caller })).toBe(true)
    }
    const behind = createRateLimits({
      store: dynamoRateLimits(emulator.dynamo(), emulator.tables.SessionTable),
      ofCaller,
      onFailure: 'open',
      now: () => time - 3_000,
    })
    expect(await admitted([behind], { caller }, 150)).toBeLessThanOrEqual(102)
  })
})

test('a charge counts that is stored when the others have summed up its time', async () => {
  const caller = callerOf('late-write')
  const ofCaller = { perSecond: 1, burst: 100 }
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  let writes = 0
  const dynamo = emulator.dynamo(send => async (operation, input) => {
    writes += 1
    // The first write has one request, and the second one the others.
    if (writes === 2) await held
    return send(operation, input)
  })
  const slow = environment({ dynamo, ofCaller })
  for (let n = 0; n < 30; n++) await slow.admit({ caller })
  const other = environment({ ofCaller })
  for (let n = 0; n < 40; n++) {
    time += 100
    expect(await request(other, { caller })).toBe(true)
  }
  release()
  await slow.settled()
  // 70 of 100 are gone, and 4 seconds have passed.
  expect(await admitted([slow], { caller }, 60)).toBe(34)
})

describe('a table that cannot be used', () => {
  const broken = () => {
    const state = { isBroken: true, writes: 0 }
    const dynamo = emulator.dynamo(send => async (operation, input) => {
      state.writes += 1
      if (state.isBroken) throw new Error('throttled')
      return send(operation, input)
    })
    return { state, dynamo }
  }

  test('open: each environment limits alone, warns once per minute, and charges later', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { state, dynamo } = broken()
    const caller = callerOf('open')
    const ofCaller = { perSecond: 1, burst: 3 }
    const limits = environment({ dynamo, ofCaller })
    expect(await admitted([limits], { caller }, 5)).toBe(3)
    for (let minute = 0; minute < 10; minute++) {
      time += 59_000
      expect(await request(limits, { caller })).toBe(true)
    }
    expect(warn.mock.calls.length).toBe(6)
    warn.mockRestore()

    state.isBroken = false
    time += 1_000
    expect(await admitted([limits], { caller }, 2)).toBe(2)
    // What was admitted ten minutes ago is no debt any more.
    time += 5_000
    expect(await request(environment({ ofCaller }), { caller })).toBe(true)
  })

  test('open: a charge that was not stored is stored with the next one', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { state, dynamo } = broken()
    const caller = callerOf('late')
    const ofCaller = { perSecond: 0.1, burst: 4 }
    const limits = environment({ dynamo, ofCaller })
    expect(await admitted([limits], { caller }, 2)).toBe(2)
    state.isBroken = false
    expect(await request(limits, { caller })).toBe(true)
    // Three of four are gone.
    const other = environment({ ofCaller })
    expect(await admitted([other], { caller }, 3)).toBe(1)
    vi.restoreAllMocks()
  })

  test('closed: the request is refused with the failure, and was not charged', async () => {
    const { state, dynamo } = broken()
    const caller = callerOf('closed')
    const limits = environment({
      dynamo,
      ofCaller: { perSecond: 0.1, burst: 1 },
      onFailure: 'closed',
    })
    await expect(request(limits, { caller })).rejects.toThrow('throttled')
    state.isBroken = false
    expect(await request(limits, { caller })).toBe(true)
    expect(await request(limits, { caller })).toBeInstanceOf(RateLimited)
  })

  test('closed: the request waits until it is charged', async () => {
    let isStored = false
    const dynamo = emulator.dynamo(send => async (operation, input) => {
      const output = await send(operation, input)
      isStored = true
      return output
    })
    const ofCaller = { perSecond: 1, burst: 1 }
    await environment({ dynamo, ofCaller, onFailure: 'closed' }).admit({ caller: callerOf('wait') })
    expect(isStored).toBe(true)
  })
})
