import type { Server } from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'

/** Resolves when the client answers a ping, also with an error. Rejects when it does not. */
export async function pingClient(server: Server, timeoutMs: number): Promise<void> {
  try {
    await server.request({ method: 'ping' }, { timeout: timeoutMs })
  } catch (error) {
    // The code is a number where the client sent the error, and a text where the SDK made it.
    if (!isRecord(error) || typeof error['code'] !== 'number') throw error
  }
}
