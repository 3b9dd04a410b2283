/**
 * Runs each variant `count` times, turn and turn about, so that all of them see the same machine, and each of them
 * every other one before it. Milliseconds by variant; a run that measures by itself returns its own.
 */
export async function takeTurns(count, variants) {
  const names = Object.keys(variants)
  const times = Object.fromEntries(names.map(name => [name, []]))
  for (let n = 0; n < count; n++)
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(n + turn) % names.length]
      const started = performance.now()
      const own = await variants[name](n)
      times[name].push(own ?? performance.now() - started)
    }
  return times
}

export const median = times => quantile(times, 0.5)

export function quantile(times, q) {
  return times.toSorted((a, b) => a - b)[Math.floor(q * (times.length - 1))]
}
