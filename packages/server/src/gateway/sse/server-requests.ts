import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server'

import { responseKeeper } from '../protocol/exact-arguments.ts'
import { cancelledIdOf, isRequest, type JsonRpcResponse } from '../wire/jsonrpc.ts'
import { createServerRequestId } from '../wire/session-id.ts'

/** A request of the server of the SDK that has no response yet. */
interface ServerRequest {
  /** The id that the server gave it. */
  id: RequestId
  /** Keeps the text of the response. */
  keep: (text: string) => void
}

/** Gives the requests of the server of the SDK ids that no other environment uses. */
export function createServerRequests() {
  /** By the id that the client knows. */
  const open = new Map<RequestId, ServerRequest>()

  return {
    /** A request of the server, or its cancellation, as the client gets it. */
    toClient<Message extends JSONRPCMessage>(message: Message): Message {
      if (isRequest(message)) {
        const id = createServerRequestId()
        open.set(id, { id: message.id, keep: responseKeeper() })
        return { ...message, id }
      }
      const cancelled = cancelledIdOf(message)
      const [id] = [...open].find(([, it]) => it.id === cancelled) ?? []
      if (id === undefined || !('method' in message)) return message
      open.delete(id)
      return { ...message, params: { ...message.params, requestId: id } }
    },
    /** A response of the client as the server gets it. Undefined where no request waits for it. */
    toServer(response: JsonRpcResponse, text: string): JsonRpcResponse | undefined {
      const request = open.get(response.id)
      if (!request) return undefined
      open.delete(response.id)
      request.keep(text)
      return { ...response, id: request.id }
    },
  }
}
