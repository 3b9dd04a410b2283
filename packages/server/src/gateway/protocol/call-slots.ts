/**
 * The calls of one connection: so many run at once, and the others wait in order. A batch of `/mcp`
 * has up to 100 calls.
 */
export function createCallSlots(limit: number) {
  let running = 0
  const waiting = new Set<() => void>()

  return {
    /** Takes a slot. Resolves when the call may run. Rejects when the signal aborts before. */
    take(signal: AbortSignal): Promise<void> {
      if (running < limit) {
        running += 1
        return Promise.resolve()
      }
      return new Promise((resolve, reject) => {
        const giveUp = () => waiting.delete(begin) && reject(signal.reason)
        const begin = () => {
          signal.removeEventListener('abort', giveUp)
          resolve()
        }
        waiting.add(begin)
        signal.addEventListener('abort', giveUp, { once: true })
      })
    },
    /** A call that took a slot has ended. */
    free() {
      const [next] = waiting
      if (!next) running -= 1
      else {
        waiting.delete(next)
        next()
      }
    },
  }
}
