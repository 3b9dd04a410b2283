/** Calls that may wait for their turn, beside those that run. */
const MAX_WAITING = 256
/**
 * Bytes of the messages of all calls that run or wait: an environment has 512 MB. A single call may
 * have more, since a message is limited itself.
 */
const MAX_BYTES = 32 * 1024 * 1024

export interface QueuedCall {
  /** Bytes of its message. */
  size: number
  start(): void
}

export interface CallQueue {
  /** Starts the call now, or later and in order. False when too many wait. */
  add(call: QueuedCall): boolean
  /** The call has ended, or was given up while it waited. */
  remove(call: QueuedCall): void
}

/**
 * Starts calls in the order of their arrival, at most `limit` at once, and none while there is no
 * room for the results of so many. One call at a time is started all the same.
 */
export function createCallQueue(
  limit: number,
  hasRoomFor: (calls: number) => boolean = () => true,
): CallQueue {
  const running = new Set<QueuedCall>()
  const waiting = new Set<QueuedCall>()
  let bytes = 0

  return {
    add(call) {
      const isFirst = running.size === 0 && waiting.size === 0
      const hasRoom = bytes + call.size <= MAX_BYTES
      if (!isFirst && (waiting.size >= MAX_WAITING || !hasRoom)) return false
      bytes += call.size
      waiting.add(call)
      startNext()
      return true
    },
    remove(call) {
      if (!running.delete(call) && !waiting.delete(call)) return
      bytes -= call.size
      startNext()
    },
  }

  function startNext() {
    for (const call of waiting) {
      if (running.size >= limit || (running.size > 0 && !hasRoomFor(running.size + 1))) return
      waiting.delete(call)
      running.add(call)
      call.start()
    }
  }
}
