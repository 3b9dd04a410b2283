import { expect, test } from 'vitest'

import { ClientError } from '../src/errors.ts'
import { createTurns } from '../src/sse/turns.ts'

const { signal } = new AbortController()

/** Work that ends when the test says so. */
function tasks(limit: number) {
  const turns = createTurns(limit)
  const begun: string[] = []
  const ends = new Map<string, { resolve(): void; reject(error: Error): void }>()
  const run = (name: string, from: AbortSignal = signal) =>
    turns.run(() => {
      begun.push(name)
      return new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }))
    }, from)
  return { run, begun, end: (name: string) => ends.get(name) }
}

test('two run at once, and the others in their order', async () => {
  const { run, begun, end } = tasks(2)
  const all = ['a', 'b', 'c', 'd'].map(name => run(name))
  expect(begun).toEqual(['a', 'b'])
  end('b')?.resolve()
  await all[1]
  await expect.poll(() => begun).toEqual(['a', 'b', 'c'])
  end('a')?.reject(new Error('failed'))
  await expect(all[0]).rejects.toThrow('failed')
  await expect.poll(() => begun).toEqual(['a', 'b', 'c', 'd'])
  end('c')?.resolve()
  end('d')?.resolve()
  await Promise.all(all.slice(1))
})

test('what waits is rejected when its signal aborts, and never runs', async () => {
  const { run, begun, end } = tasks(1)
  const stop = new AbortController()
  const [first, second, third] = [run('a'), run('b', stop.signal), run('c')]
  stop.abort(new Error('closed'))
  await expect(second).rejects.toThrow('closed')
  end('a')?.resolve()
  await first
  await expect.poll(() => begun).toEqual(['a', 'c'])
  end('c')?.resolve()
  await third
})

test('where nothing is accepted in time, what waits is rejected too', async () => {
  const { run, begun, end } = tasks(1)
  const [first, second] = [run('a'), run('b')]
  const late = new ClientError('timeout', 'not accepted in time')
  end('a')?.reject(late)
  await expect(first).rejects.toBe(late)
  await expect(second).rejects.toBe(late)
  expect(begun).toEqual(['a'])
})
