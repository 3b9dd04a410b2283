import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Takes its time, or waits for a file. Notes each run in `log`, so that a test can count them. */
export const handler = async ({ ms = 0, file, log, text = 'done' }) => {
  if (log) appendFileSync(log, 'ran\n')
  await sleep(ms)
  while (file && !existsSync(file)) await sleep(20)
  return text
}
