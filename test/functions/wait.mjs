import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Takes its time. Notes each run in `log`, so that a test can count them. */
export const handler = async ({ ms, log, text = 'done' }) => {
  if (log) appendFileSync(log, 'ran\n')
  await sleep(ms)
  return text
}
