const callbacks = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back when the signal is aborted, or at once. Returns a function that ends that. Node warns
 * of a leak from the eleventh listener of a signal on, so each signal has at most one.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback()
    return () => {}
  }
  const all = callbacks.get(signal) ?? new Set()
  if (all.size === 0) {
    callbacks.set(signal, all)
    signal.addEventListener('abort', callAll)
  }
  all.add(callback)
  return () => {
    all.delete(callback)
    // Node keeps a signal with a listener, such as one of `AbortSignal.any()`, in memory.
    if (all.size === 0) signal.removeEventListener('abort', callAll)
  }
}

function callAll(this: AbortSignal) {
  for (const callback of callbacks.get(this) ?? []) callback()
}
