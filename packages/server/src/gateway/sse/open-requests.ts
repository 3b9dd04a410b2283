import type { RequestId } from '@modelcontextprotocol/server'

import type { QueuedCall } from './call-queue.ts'

/** A request of the client that has no response yet. */
export interface OpenRequest extends QueuedCall {
  /** The id that the client gave it. */
  id: RequestId
  /** The id that the server knows it by. No id of a client is used there. */
  internalId: number
  method: string
  state: 'received' | 'running' | 'responding'
  cancelled: AbortController
}

/** The requests of one stream that have no response yet. */
export function createOpenRequests() {
  /** By the id that the client gave. */
  const open = new Map<RequestId, OpenRequest>()
  const byInternalId = new Map<unknown, OpenRequest>()
  let onSettled: (() => void)[] = []

  return {
    add(request: OpenRequest) {
      open.set(request.id, request)
      byInternalId.set(request.internalId, request)
    },
    /** @param id that the client gave */
    get: (id: RequestId) => open.get(id),
    /** Undefined where the client has cancelled the request, or no client sent it. */
    withInternalId: (id: unknown) => byInternalId.get(id),
    ids: () => [...open.keys()],
    /** Those whose response is not written yet. */
    unanswered: () => [...open.values()].filter(it => it.state !== 'responding'),
    remove(request: OpenRequest) {
      open.delete(request.id)
      byInternalId.delete(request.internalId)
      if (open.size > 0) return
      for (const resolve of onSettled) resolve()
      onSettled = []
    },
    /** Resolves when every request that was added so far is removed. */
    allRemoved: () =>
      open.size === 0
        ? Promise.resolve()
        : new Promise<void>(resolve => {
            onSettled.push(resolve)
          }),
  }
}
