import { randomInt } from 'node:crypto'

/** @param {{ count?: number, sides?: number }} event the arguments of the call */
export const handler = async ({ count = 2, sides = 6 }) => {
  const dice = Array.from({ length: Math.min(Math.max(count, 1), 100) }, () =>
    randomInt(1, Math.max(sides, 2) + 1),
  )
  return { dice, sum: dice.reduce((sum, it) => sum + it, 0) }
}
