import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keepLease, leaseSeconds } from '../../src/gateway/wire/lease.ts'

const request = { heartbeatSeconds: 1, requestId: 'r' }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test.each([0.1, 0.3, 0.5, 1, 1.5, 5])(
  'a lease outlives three heartbeats of %d seconds, whenever in a second it begins',
  heartbeat => {
    for (let phase = 0; phase < 1; phase += 0.01) {
      const opened = 1_000 + phase
      // As the tables do it: the expiry and the clock of its reader are rounded down to seconds.
      const expiresAt = Math.floor(opened) + leaseSeconds(heartbeat)
      const read = Math.floor(opened + 3 * heartbeat)
      expect(expiresAt, `opened at ${opened}`).toBeGreaterThan(read)
    }
  },
)

test.each([0.3, 1, 15])('a lease lasts for whole seconds: heartbeat of %d seconds', heartbeat => {
  expect(Number.isInteger(leaseSeconds(heartbeat))).toBe(true)
})

test.each([5, 15, 20])(
  'with a heartbeat of %d seconds, a lease lasts for 16 seconds',
  async heartbeat => {
    expect(leaseSeconds(heartbeat)).toBe(16)
    const renew = vi.fn(async () => true)
    const stop = keepLease({ renew }, { ...request, heartbeatSeconds: heartbeat })
    await vi.advanceTimersByTimeAsync(15_000)
    expect(renew).toHaveBeenCalledTimes(3)
    stop()
  },
)

test('renews with every heartbeat until it is stopped', async () => {
  const renew = vi.fn(async () => true)
  const stop = keepLease({ renew }, { ...request, heartbeatSeconds: 2 })
  await vi.advanceTimersByTimeAsync(6_000)
  expect(renew).toHaveBeenCalledTimes(3)
  stop()
  await vi.advanceTimersByTimeAsync(6_000)
  expect(renew).toHaveBeenCalledTimes(3)
})

test('tries again at the next heartbeat when a renewal fails', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const onLost = vi.fn()
  const renew = vi.fn(async () => true).mockRejectedValueOnce(new Error('throttled'))
  const stop = keepLease({ renew }, { ...request, onLost })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(renew).toHaveBeenCalledTimes(2)
  expect(onLost).not.toHaveBeenCalled()
  expect(warn.mock.calls).toEqual([
    [expect.objectContaining({ message: 'lease not renewed', requestId: 'r' })],
  ])
  stop()
})

test('does not start a renewal while another one runs', async () => {
  let finish = (_: boolean) => {}
  const renew = vi.fn(() => new Promise<boolean>(resolve => (finish = resolve)))
  const stop = keepLease({ renew }, request)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(renew).toHaveBeenCalledOnce()
  finish(true)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(renew).toHaveBeenCalledTimes(2)
  stop()
})

test('tells when the lease is gone', async () => {
  const onLost = vi.fn()
  const stop = keepLease({ renew: async () => false }, { ...request, onLost })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(onLost).toHaveBeenCalledOnce()
  stop()
})
