import type { ServerOptions } from '@modelcontextprotocol/server'

/** A new version of the gateway, or another setting, is all that changes it. */
const DISCOVER_TTL_MS = 60 * 60 * 1000

/**
 * How long clients of protocol version 2026-07-28 may cache a list. A list is private: it may
 * differ between callers, and a registration that says so may come at any time.
 * https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching
 */
export function cacheHints(listTtlSeconds: number): NonNullable<ServerOptions['cacheHints']> {
  const list = { ttlMs: listTtlSeconds * 1000, cacheScope: 'private' as const }
  return {
    'tools/list': list,
    'prompts/list': list,
    'resources/list': list,
    'resources/templates/list': list,
    'server/discover': { ttlMs: DISCOVER_TTL_MS, cacheScope: 'private' },
  }
}
