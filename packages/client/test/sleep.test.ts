import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { watchForSleep } from '../src/sse/sleep-watch.ts'
import { createAbortScope } from '../src/transport/abort-scope.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** The clock goes on, and timers stand still, as while a machine sleeps. */
const machineSleeps = (ms: number) => vi.setSystemTime(Date.now() + ms)

test('a machine that slept is noticed once it is awake, once for each sleep', () => {
  const onWake = vi.fn()
  const stop = watchForSleep(onWake)
  vi.advanceTimersByTime(60_000)
  expect(onWake).not.toHaveBeenCalled()
  machineSleeps(30_000)
  vi.advanceTimersByTime(5_000)
  expect(onWake).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(60_000)
  expect(onWake).toHaveBeenCalledOnce()
  stop()
  machineSleeps(30_000)
  vi.advanceTimersByTime(5_000)
  expect(onWake).toHaveBeenCalledOnce()
})

test('a process that is a few seconds late has not slept', () => {
  const onWake = vi.fn()
  const stop = watchForSleep(onWake)
  machineSleeps(10_000)
  vi.advanceTimersByTime(5_000)
  expect(onWake).not.toHaveBeenCalled()
  stop()
})

test('a limit ends the scope in time', () => {
  const scope = createAbortScope(undefined, () => {})
  scope.limit(30_000, 'too late')
  vi.advanceTimersByTime(29_999)
  expect(scope.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1)
  expect(scope.signal.reason).toMatchObject({ code: 'timeout', message: 'too late' })
})

test('a limit begins again when the machine slept, and then holds', () => {
  const scope = createAbortScope(undefined, () => {})
  scope.limit(30_000, 'too late')
  vi.advanceTimersByTime(10_000)
  machineSleeps(3_600_000)
  vi.advanceTimersByTime(20_000)
  expect(scope.signal.aborted).toBe(false)
  vi.advanceTimersByTime(29_999)
  expect(scope.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1)
  expect(scope.signal.reason).toMatchObject({ code: 'timeout' })
})

test('a released scope has no limit any more', () => {
  const scope = createAbortScope(undefined, () => {})
  scope.limit(30_000, 'too late')
  scope.release()
  vi.advanceTimersByTime(60_000)
  expect(scope.signal.aborted).toBe(false)
})
