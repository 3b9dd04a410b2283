import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits for `ms` milliseconds, or until a file exists. It notes each run in `log`, so that a test
 * can count them.
 *
 * @param {{ ms?: number, file?: string, log?: string, text?: string }} event
 */
export const handler = async ({ ms = 0, file, log, text = 'done' }) => {
  if (log) appendFileSync(log, 'ran\n')
  await sleep(ms)
  while (file && !existsSync(file)) await sleep(20)
  return text
}
