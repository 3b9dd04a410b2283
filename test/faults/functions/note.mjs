import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Notes each run, so that runs can be counted. Then it waits, and returns a text of a size.
 *
 * @param {{ id: string, log: string, ms?: number, size?: number }} event
 */
export const handler = async ({ id, log, ms = 0, size = 0 }) => {
  appendFileSync(log, `${id}\n`)
  await sleep(ms)
  return `${id} ${'x'.repeat(size)}`
}
