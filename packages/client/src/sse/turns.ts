import { ClientError } from '../errors.ts'

/** Lets requests be posted in their order, so many at once. */
export interface Turns {
  /**
   * Does the work when its turn comes. Rejects with the signal's reason where that aborts before.
   */
  run(work: () => Promise<void>, signal: AbortSignal): Promise<void>
}

interface Waiting {
  begin(): void
  giveUp(reason: Error): void
}

/**
 * Where a turn has a timeout, and nothing was accepted since it began, those that wait are rejected
 * with its error: each of them would wait as long again.
 */
export function createTurns(limit: number): Turns {
  const waiting = new Set<Waiting>()
  let running = 0
  let accepted = 0

  return {
    async run(work, signal) {
      if (running < limit) running += 1
      else await turn(signal)
      const before = accepted
      try {
        await work()
        accepted += 1
      } catch (error) {
        const isTimeout = error instanceof ClientError && error.code === 'timeout'
        if (isTimeout && accepted === before) for (const it of [...waiting]) it.giveUp(error)
        throw error
      } finally {
        passOn()
      }
    },
  }

  function turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () => giveUp(signal.reason)
      const own: Waiting = { begin, giveUp }
      waiting.add(own)
      signal.addEventListener('abort', aborted)
      if (signal.aborted) aborted()

      function begin() {
        leave()
        resolve()
      }

      function giveUp(reason: Error) {
        leave()
        reject(reason)
      }

      function leave() {
        waiting.delete(own)
        signal.removeEventListener('abort', aborted)
      }
    })
  }

  /** The next one that waits gets the turn. */
  function passOn() {
    const [next] = waiting
    if (next) next.begin()
    else running -= 1
  }
}
