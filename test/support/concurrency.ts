/**
 * How many times a test does its work: all times with `npm run full-load`, which `.ci/run` calls, and
 * fewer times with `npm test`.
 */
export const times = (all: number, few: number): number => (process.env['FULL_LOAD'] ? all : few)

/**
 * Does the work for all items, `most` of them at the same time. Resolves with the results in
 * order.
 */
export async function together<Item, Result>(
  most: number,
  items: Item[],
  work: (item: Item, n: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const n = next++
      results[n] = await work(items[n] as Item, n)
    }
  }
  await Promise.all(Array.from({ length: most }, worker))
  return results
}

/** Runs at most so many tasks at the same time. The others wait for their turn. */
export function limit(most: number) {
  let running = 0
  const queue: (() => void)[] = []
  return async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (running < most) running++
    else await new Promise<void>(resolve => queue.push(resolve))
    try {
      return await task()
    } finally {
      const next = queue.shift()
      if (next) next()
      else running--
    }
  }
}

/** Each caller waits until so many have called. Later callers do not wait. */
export function barrier(count: number) {
  let called = 0
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return () => {
    if (++called === count) open()
    return opened
  }
}
