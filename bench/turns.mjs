/**
 * A measured operation. It returns its own milliseconds, or nothing: then the whole run is timed.
 *
 * @typedef {(turn: number) => Promise<number | void>} Variant
 */

/**
 * Runs each variant `count` times. The variants alternate and their order rotates, so that all of
 * them see the same machine and each of them runs after every other one. Returns milliseconds by
 * variant.
 *
 * @param {number} count
 * @param {Record<string, Variant>} variants
 */
export async function takeTurns(count, variants) {
  const measured = Object.entries(variants).map(([name, run]) => ({
    name,
    run,
    times: /** @type {number[]} */ ([]),
  }))
  for (let n = 0; n < count; n++) {
    const first = n % measured.length
    for (const { run, times } of [...measured.slice(first), ...measured.slice(0, first)]) {
      const started = performance.now()
      const own = await run(n)
      times.push(own ?? performance.now() - started)
    }
  }
  return Object.fromEntries(measured.map(({ name, times }) => [name, times]))
}

/** @param {number[]} times */
export const median = times => quantile(times, 0.5)

/**
 * @param {number[]} times
 * @param {number} q from 0 to 1
 */
export function quantile(times, q) {
  return times.toSorted((a, b) => a - b)[Math.floor(q * (times.length - 1))] ?? Number.NaN
}

/**
 * Rejects where the work takes longer: a benchmark that hangs says where.
 *
 * @template Value
 * @param {number} ms
 * @param {string} what
 * @param {Promise<Value>} work
 * @returns {Promise<Value>}
 */
export async function within(ms, what, work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms)
  })
  try {
    return await /** @type {Promise<Value>} */ (Promise.race([work, late]))
  } finally {
    clearTimeout(timer)
  }
}
