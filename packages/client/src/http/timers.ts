// Node's timers where they exist, and those of browsers and Workers.

/** Resolves after the time. Rejects with an `AbortError` when the signal aborts before. */
export function sleep(
  milliseconds: number,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(end, milliseconds)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)

    function end() {
      signal?.removeEventListener('abort', abort)
      resolve()
    }

    function abort() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      reject(new DOMException('The pause was aborted', 'AbortError'))
    }
  })
}

export type Timer = ReturnType<typeof setTimeout>

/** Lets the process end while the timer runs. Timers of browsers are numbers. */
export function unref(timer: Timer): Timer {
  if (typeof timer === 'object') timer.unref()
  return timer
}

/** A longer timer ends at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Calls back when `restart` has not been called for a time. Lets the process end. */
export function startWatchdog(timeoutMs: number, callback: () => void) {
  const milliseconds = Math.min(timeoutMs, MAX_TIMER_MS)
  let timer = unref(setTimeout(callback, milliseconds))
  return {
    restart() {
      if (typeof timer === 'object') {
        timer.refresh()
        return
      }
      clearTimeout(timer)
      timer = setTimeout(callback, milliseconds)
    },
    stop: () => clearTimeout(timer),
  }
}

/** Resolves after everything that is due now, promises included. */
export const turn: () => Promise<void> = turnOf()

function turnOf(): () => Promise<void> {
  if ('setImmediate' in globalThis) return () => new Promise(resolve => setImmediate(resolve))
  // Workers may have neither.
  if (!('MessageChannel' in globalThis)) return () => sleep(0)
  // A browser makes a nested timer wait for 4 ms.
  return () =>
    new Promise(resolve => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(undefined)
    })
}
