import type { ServerOptions } from '@modelcontextprotocol/server'

import type { Snapshot } from '../../registry/cached.ts'

/** Milliseconds after which a client that does not listen for changes sees one. */
const TTL_MS = 5_000

/**
 * How long clients of protocol version 2026-07-28 may cache a list, and for whom. A list that
 * differs between callers is private.
 * https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
 */
export function cacheHints(snapshot: Snapshot): NonNullable<ServerOptions['cacheHints']> {
  return {
    'tools/list': hint(snapshot.tool),
    'prompts/list': hint(snapshot.prompt),
    'resources/list': hint(snapshot.resource),
    'resources/templates/list': hint(snapshot.resource),
  }
}

function hint(list: Snapshot[keyof Snapshot]) {
  const isForAll = [...list.values()].every(it => it.allow === undefined)
  return { ttlMs: TTL_MS, cacheScope: isForAll ? ('public' as const) : ('private' as const) }
}
