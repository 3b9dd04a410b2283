import { expect, test } from 'vitest'

import { start } from './docs/process.ts'

// It starts a gateway and many processes. `npm run faults` does more of everything.
test('loses, doubles and hangs no call while environments, tables and clients fail', async () => {
  const faults = start([process.execPath, 'test/faults/run.mjs', '--short'])
  const code = await faults.end()
  expect(code, faults.output()).toBe(0)
  expect(faults.output()).toContain('faults: nothing lost, doubled or hung')
}, 180_000)
