import { afterEach, expect, test, vi } from 'vitest'

import { reconnectDelay } from '../src/http/backoff.ts'

afterEach(() => vi.restoreAllMocks())

test('a stream is opened again after at least a tenth of a second, even with "retry: 0"', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  expect([0, 1, 5, 20].map(failures => reconnectDelay(failures, 0))).toEqual([100, 100, 100, 100])
})

test('the delay that the server asks for is kept where the random one is shorter', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  expect(reconnectDelay(1, 150)).toBe(150)
  expect(reconnectDelay(3, 150)).toBe(400)
  expect(reconnectDelay(0, 3_600_000)).toBe(30_000)
})

test('the random delay doubles with each failure, up to a second, and after eight to 30', () => {
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const delays = [0, 1, 2, 5, 8, 9, 20].map(failures => reconnectDelay(failures))
  expect(delays).toEqual([100, 200, 400, 1_000, 1_000, 2_000, 30_000])
})
