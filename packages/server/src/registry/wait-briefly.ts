import { setTimeout as sleep } from 'node:timers/promises'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'

/** How long a call waits for the table before it uses cached data. */
const MAX_WAIT_MS = 1_000

/** Resolves when the work is done, has failed, or takes longer than a second. Logs a failure. */
export async function waitBriefly(work: Promise<void>): Promise<void> {
  await Promise.race([work.catch(logFailure), sleep(MAX_WAIT_MS, undefined, { ref: false })])
}

function logFailure(error: unknown) {
  log.warn('registry: could not be read, cached data is used', { error: describe(error) })
}
