import { setTimeout as sleep } from 'node:timers/promises'

/** @type {Record<string, () => unknown>} */
const modes = {
  throw: () => {
    throw new TypeError('the disk is full')
  },
  exit: () => process.exit(3),
  hang: () => sleep(600_000),
  circular: () => {
    /** @type {Record<string, unknown>} */
    const it = {}
    it.self = it
    return it
  },
  malformed: () => ({ content: [{ type: 'text', txt: 'typo' }] }),
  large: () => 'x'.repeat(Math.floor(5.9 * 1024 * 1024)),
  'too-large': () => 'x'.repeat(6.1 * 1024 * 1024),
}

/** @param {{ mode: string }} event */
export const handler = async ({ mode }) => modes[mode]?.()
