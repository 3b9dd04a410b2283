import type { RequestId } from '@modelcontextprotocol/server'

import { createServerRequestId } from '../wire/session-id.ts'

/** Pings to the client of a stream. `write` sends the JSON of a message. */
export function createPings(write: (json: string) => void) {
  const answers = new Map<RequestId, () => void>()

  return {
    /** Resolves when the client answers, also with an error. Rejects after the time. */
    send(timeoutMs: number): Promise<void> {
      const id = createServerRequestId()
      return new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          answers.delete(id)
          reject(new Error(`The client has not answered a ping within ${timeoutMs} ms`))
        }, timeoutMs)
        answers.set(id, () => {
          clearTimeout(timer)
          answers.delete(id)
          resolve()
        })
        write(JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }))
      })
    },
    /** Whether a response of the client, by its id, answers one of the pings. */
    take(id: RequestId): boolean {
      const answer = answers.get(id)
      answer?.()
      return answer !== undefined
    },
  }
}
