import { expect, test } from 'vitest'

import { start } from './docs/process.ts'

// It starts a gateway and many processes. `npm run chaos` makes thousands of calls.
test('loses, doubles and hangs no call while the network cuts streams and environments die', async () => {
  const chaos = start([process.execPath, 'test/chaos/run.mjs', '--short'])
  const code = await chaos.end()
  expect(code, chaos.output()).toBe(0)
  expect(chaos.output()).toContain('chaos: nothing hung, lost or run twice')
}, 180_000)
