import { expect, test } from 'vitest'

import { start } from './docs/process.ts'

// Always the same cases. `npm run fuzz` takes others, and more.
const SEED = '2026'

test.each([
  ['http', 'answers every request in time and without a fault of its own', '250'],
  ['outputs', 'makes a valid result or an error of every output of a function', '2000'],
  ['event-streams', 'reads every event stream as the specification says', '1000'],
])('%s: %s', { timeout: 180_000 }, async (target, _title, cases) => {
  const options = ['--seed', SEED, '--cases', cases, target]
  const fuzz = start([process.execPath, 'test/fuzz/run.mjs', ...options])
  const code = await fuzz.end()
  expect(code, fuzz.output()).toBe(0)
  expect(fuzz.output()).toContain(`fuzz ${target}: ${cases} cases, 0 problems`)
})
