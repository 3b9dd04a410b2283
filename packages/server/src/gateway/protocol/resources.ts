import type { Server } from '@modelcontextprotocol/server'

import { toReadResult } from '../../invoker/contracts/arguments.ts'
import { listAgeMs } from '../../registry/cached.ts'
import { MAX_URI_LENGTH } from '../../uri-template/match.ts'
import type { Capability } from './capability.ts'
import { listResources, listTemplates } from './lists.ts'
import { page, pageBytes } from './paging.ts'
import { resourceOf } from './uris.ts'

/** The lists, `resources/read` and, with a session, subscriptions. */
export function serveResources(server: Server, capability: Capability): void {
  const { registry, connection, calls, admit, records, serverPush } = capability
  const { caller } = connection
  const listed = () => registry.list('resource', listAgeMs(capability))
  const resourceAt = async (uri: string) => resourceOf(await registry.list('resource'), caller, uri)

  server.setRequestHandler('resources/list', async ({ params }) => {
    const resources = listResources(await listed(), caller)
    const { items, nextCursor } = page(
      resources,
      params?.cursor,
      pageBytes(server.getNegotiatedProtocolVersion()),
    )
    return { resources: items, nextCursor }
  })

  server.setRequestHandler('resources/templates/list', async ({ params }) => {
    const templates = listTemplates(await listed(), caller)
    const { items, nextCursor } = page(
      templates,
      params?.cursor,
      pageBytes(server.getNegotiatedProtocolVersion()),
    )
    return { resourceTemplates: items, nextCursor }
  })

  server.setRequestHandler('resources/read', async ({ params }, ctx) => {
    const { uri } = params
    const { resource, variables } = await resourceAt(uri)
    records.found(resource, { uri }, ctx)
    await admit(resource, ctx)
    if (resource.contract === 'mcp')
      return calls.callMcp(resource, { method: 'resources/read', params, variables }, ctx)
    const outcome = await calls.callWithArguments(resource, { ...variables, uri }, ctx)
    return toReadResult(outcome, uri, resource)
  })

  if (connection.transport === 'stateless' || !serverPush) return
  const { subscriptions } = connection

  server.setRequestHandler('resources/subscribe', async ({ params: { uri } }) => {
    await resourceAt(uri)
    // Read now: the client is notified only of updates that come after its subscription.
    const tokens = await registry.updateTokens([uri], 0)
    await subscriptions.add(uri, tokens.get(uri) ?? '')
    return {}
  })

  server.setRequestHandler('resources/unsubscribe', async ({ params: { uri } }) => {
    // No client can be subscribed to any other text: `resources/subscribe` refuses it. The session
    // table refuses the name of an attribute that is empty or too long.
    if (uri !== '' && uri.length <= MAX_URI_LENGTH) await subscriptions.remove(uri)
    return {}
  })
}
