import type { RequestId } from '@modelcontextprotocol/server'

import { postedRequest } from '../../session-table/resumable-sessions.ts'

/** Some 100 bytes each. */
const MAX_SEEN = 20_000

/**
 * The requests that a stream of a resumable session has taken. A client may repeat one for longer
 * than the table knows it.
 */
export function createSeenRequests() {
  const hashes = new Map<string, string>()

  return {
    /** Whether the id was used before, for the same body or for another. */
    add(id: RequestId, text: string): 'same' | 'other' | undefined {
      const { key, hash } = postedRequest(id, text)
      const known = hashes.get(key)
      if (known !== undefined) return known === hash ? 'same' : 'other'
      hashes.set(key, hash)
      const [oldest] = hashes.keys()
      if (hashes.size > MAX_SEEN && oldest !== undefined) hashes.delete(oldest)
      return undefined
    },
  }
}
