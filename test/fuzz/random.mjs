// Random values from a seed. The same seed and case number always give the same case.

/** @typedef {ReturnType<typeof createRandom>} Random */

/** @param {number} seed */
function createRandom(seed) {
  let state = seed >>> 0

  return { next, int, chance, pick, list, weighted }

  /** mulberry32: a number from 0 to 1, without 1. */
  function next() {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /**
   * A whole number from 0 to `below`, without `below`.
   *
   * @param {number} below
   */
  function int(below) {
    return Math.floor(next() * below)
  }

  /** @param {number} probability */
  function chance(probability) {
    return next() < probability
  }

  /**
   * @template Item
   * @param {readonly Item[]} items
   */
  function pick(items) {
    return /** @type {Item} */ (items[int(items.length)])
  }

  /**
   * @template Item
   * @param {number} count
   * @param {(index: number) => Item} make
   */
  function list(count, make) {
    return Array.from({ length: count }, (_, index) => make(index))
  }

  /**
   * Calls one of the makers. Each has a weight.
   *
   * @template Item
   * @param {[number, () => Item][]} choices
   */
  function weighted(choices) {
    let left = next() * choices.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, make] of choices) {
      left -= weight
      if (left < 0) return make()
    }
    return /** @type {[number, () => Item]} */ (choices[0])[1]()
  }
}

/**
 * The random values of one case.
 *
 * @param {number} seed
 * @param {number} index
 */
export function randomOfCase(seed, index) {
  return createRandom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index + 1, 0xc2b2ae35))
}
