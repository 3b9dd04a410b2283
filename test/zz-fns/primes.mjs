// A tool that reports its progress during a long computation. `defineTool` makes the Lambda
// handler. This command prints its registration:
//
//   npx mcp-lambda-sam describe examples/functions/primes.mjs --arn arn:aws:lambda:us-east-1:000000000000:function:primes
import { defineTool } from '@markvp/mcp-lambda-sam/functions'

const SEGMENT = 1_000_000

export const handler = defineTool({
  name: 'primes',
  description: 'Counts the prime numbers up to a limit, and returns the largest',
  input: {
    type: 'object',
    properties: {
      limit: { type: 'integer', minimum: 2, maximum: 1_000_000_000, description: 'Inclusive' },
    },
    required: ['limit'],
  },
  output: {
    type: 'object',
    properties: { count: { type: 'integer' }, largest: { type: 'integer' } },
    required: ['count', 'largest'],
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
  async run({ limit }, ctx) {
    const small = sieve(0, Math.floor(Math.sqrt(limit)), [])
    let count = 0
    let largest = 0
    for (let from = 0; from <= limit; from += SEGMENT) {
      const to = Math.min(from + SEGMENT - 1, limit)
      const found = sieve(from, to, small)
      count += found.length
      largest = found.at(-1) ?? largest
      // Awaiting it sends the progress now, and lets the deadline fire between two segments.
      await ctx.progress(to, { total: limit, message: `${count} primes up to ${to}` })
      ctx.signal.throwIfAborted()
    }
    return { count, largest }
  },
})

/**
 * The primes from `from` to `to`.
 *
 * @param {number} from
 * @param {number} to
 * @param {number[]} small the primes up to the square root of `to`; empty to find them in the same pass
 */
function sieve(from, to, small) {
  const composite = new Uint8Array(to - from + 1)
  /** @type {number[]} */
  const found = []
  /** @param {number} prime */
  const cross = prime => {
    const first = Math.max(prime * prime, Math.ceil(from / prime) * prime)
    for (let n = first; n <= to; n += prime) composite[n - from] = 1
  }
  small.forEach(cross)
  for (let n = Math.max(from, 2); n <= to; n++) {
    if (composite[n - from]) continue
    found.push(n)
    if (small.length === 0) cross(n)
  }
  return found
}
