import type { JSONRPCRequest, ServerEvent, ServerEventBus } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import { isRecord } from '../../is-record.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { watchChanges } from '../protocol/changes.ts'
import { resolve } from '../protocol/uris.ts'

/** The resources that a `subscriptions/listen` subscribes to, each once. */
export function subscribedUris({ params }: JSONRPCRequest): string[] {
  const notifications = params?.['notifications']
  const uris = isRecord(notifications) ? notifications['resourceSubscriptions'] : undefined
  return Array.isArray(uris) ? [...new Set(uris.filter(it => typeof it === 'string'))] : []
}

/**
 * The SDK's event bus for `subscriptions/listen`. Every environment finds changes in the tables by
 * itself, so nothing is published on the bus.
 */
export async function changesFor(
  caller: Caller,
  registry: CachedRegistry,
  uris: string[],
): Promise<ServerEventBus> {
  const events = {
    tool: { kind: 'tools_list_changed' },
    resource: { kind: 'resources_list_changed' },
    prompt: { kind: 'prompts_list_changed' },
  } satisfies Record<string, ServerEvent>
  // All lists: after a change, only they tell whether the caller could see what was changed or
  // deleted. From then on the changed rows are read, and all lists once in 15 minutes.
  const snapshot = await registry.snapshot()
  // Only what the caller may read is read from the table.
  const readable = uris.filter(uri => resolve(snapshot.resource, caller, uri))
  const none = new Map<string, string>()
  const tokens = readable.length > 0 ? await registry.updateTokens(readable) : none
  const subscriptions = new Map(uris.map(uri => [uri, tokens.get(uri) ?? '']))

  return {
    publish() {},
    subscribe: listener =>
      watchChanges({
        registry,
        caller,
        startingPoint: { from: 'snapshot', snapshot },
        subscriptions: async () => subscriptions,
        onListChanged: list => listener(events[list]),
        onResourceUpdated: uri => listener({ kind: 'resource_updated', uri }),
      }),
  }
}
