import type { EventStream } from './event-stream.ts'

/**
 * Sends a comment with every heartbeat, so that proxies and clients do not close a quiet stream. A
 * reader that does not read gets one at a time. Returns a function that stops it.
 */
export function sendKeepAlives(events: EventStream, heartbeatSeconds: number): () => void {
  let isWriting = false
  const timer = setInterval(() => {
    if (!isWriting) void write()
  }, heartbeatSeconds * 1000)
  return () => clearInterval(timer)

  async function write() {
    isWriting = true
    await events.comment('ka')
    isWriting = false
  }
}
