import type { JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'

import type { EventStore } from '../../session-table/event-store.ts'
import {
  type McpSession,
  type McpSessions,
  type RequestInFlight,
  requestKey,
} from '../../session-table/sessions.ts'

interface Stores {
  sessions: McpSessions
  eventStore: EventStore
}

/** The first id of these requests that another request of the session has in flight. */
export async function idInFlight(
  requests: Pick<JSONRPCRequest, 'id'>[],
  session: McpSession,
  { sessions, eventStore }: Stores,
): Promise<RequestId | undefined> {
  for (const { id } of requests) {
    const inFlight = session.inFlight.get(requestKey(id))
    if (!inFlight) continue
    if (await isRunning(session, id, inFlight, eventStore)) return id
    await sessions.finish(session.id, [id], inFlight)
  }
  return undefined
}

/** Greater than the sequence number of any message: no message is read. */
const LAST_SEQUENCE = 1e12 - 2

/** False also where the environment that ran the request is gone. */
async function isRunning(
  session: McpSession,
  id: RequestId,
  { stream, startedAt, until }: RequestInFlight,
  eventStore: EventStore,
): Promise<boolean> {
  if (until < Date.now()) return false
  const streamId = { session: session.id, stream }
  const stored = await eventStore.read(streamId, LAST_SEQUENCE, { startedAt, requests: [id] })
  return stored?.state === 'running'
}
