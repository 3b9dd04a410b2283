/** Bytes of messages that wait. Above it nothing is read from the host. */
const LIMIT = 64 * 1024 * 1024
/** What a waiting message takes beside its text. */
const OVERHEAD = 512

interface Waiting {
  size: number
  /** Resolves when the next message may be sent. */
  send(): Promise<unknown> | undefined
}

/** Messages of the host in their order, as long as they cannot be sent. */
export interface SendQueue {
  /**
   * `send` returns a promise where later messages must wait for it. It must not throw or reject.
   */
  push(text: string, send: Waiting['send']): void
  /** Sends what waits, as long as nothing holds it back. */
  pump(): void
  /** More than the queue should hold. */
  readonly isFull: boolean
}

export function createSendQueue(isHeld: () => boolean, onSpace: () => void): SendQueue {
  let waiting: (Waiting | undefined)[] = []
  let next = 0
  let size = 0
  let isSending = false

  const queue: SendQueue = {
    push(text, send) {
      const it = { size: text.length + OVERHEAD, send }
      size += it.size
      waiting.push(it)
      queue.pump()
    },
    pump: () => void sendAll(),
    get isFull() {
      return size > LIMIT
    },
  }
  return queue

  async function sendAll() {
    if (isSending) return
    isSending = true
    const wasFull = queue.isFull
    for (;;) {
      const it = isHeld() ? undefined : waiting[next]
      if (!it) break
      waiting[next++] = undefined // a message can be large
      size -= it.size
      const sent = it.send()
      if (sent) await sent
    }
    isSending = false
    // Seldom: each time it would take quadratic time in a flood.
    if (next > 1_000 && next * 2 > waiting.length) {
      waiting = waiting.slice(next)
      next = 0
    }
    if (wasFull && !queue.isFull) onSpace()
  }
}
