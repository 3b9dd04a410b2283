import { expect, test, vi } from 'vitest'

import { retry } from '../src/http/retry.ts'

const failing = (times: number) => {
  const attempt = vi.fn(async () => {
    if (attempt.mock.calls.length <= times) throw new Error(`attempt ${attempt.mock.calls.length}`)
    return 'result'
  })
  return attempt
}

test('an attempt is repeated while there is a delay, and its result is the result', async () => {
  const attempt = failing(2)
  const delayAfter = vi.fn(() => 0)
  expect(await retry(attempt, { delayAfter })).toBe('result')
  expect(delayAfter.mock.calls).toMatchObject([
    [{ message: 'attempt 1' }, 1],
    [{ message: 'attempt 2' }, 2],
  ])
})

test('without a delay the error of the last attempt is thrown', async () => {
  const attempt = failing(9)
  const delayAfter = (_: unknown, attempts: number) => (attempts < 3 ? 0 : undefined)
  await expect(retry(attempt, { delayAfter })).rejects.toThrow('attempt 3')
  expect(attempt).toHaveBeenCalledTimes(3)
})

test('the pause lasts until its end or until the signal is aborted', async () => {
  const attempt = failing(1)
  const controller = new AbortController()
  const result = retry(attempt, { delayAfter: () => 86_400_000, signal: controller.signal })
  await vi.waitFor(() => expect(attempt).toHaveBeenCalled())
  controller.abort()
  await expect(result).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
  expect(attempt).toHaveBeenCalledTimes(1)
})

test('nothing is repeated for a caller that no longer wants the result', async () => {
  const attempt = failing(1)
  await expect(retry(attempt, { delayAfter: () => 0, isWanted: () => false })).rejects.toThrow(
    'attempt 1',
  )
  expect(attempt).toHaveBeenCalledTimes(1)
})
