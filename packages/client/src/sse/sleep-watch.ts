import { unref } from '../http/timers.ts'

const LOOK_MS = 5_000
/** A look that is so late found this machine, or this process, asleep. */
const ASLEEP_MS = 15_000

/**
 * Calls `onWake` when this machine has slept: its connections may be dead without a sign. Returns a
 * function that stops the watch.
 */
export function watchForSleep(onWake: () => void): () => void {
  let lookedAt = Date.now()
  const timer = setInterval(() => {
    const now = Date.now()
    const hasSlept = now - lookedAt > LOOK_MS + ASLEEP_MS
    lookedAt = now
    if (hasSlept) onWake()
  }, LOOK_MS)
  unref(timer)
  return () => clearInterval(timer)
}
