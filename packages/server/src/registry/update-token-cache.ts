import type { Registry } from './registry.ts'

/** The update tokens that this environment has read. */
export interface UpdateTokenCache {
  /** Marks tokens as stale that were read before this value of `RegistryVersion.updates`. */
  expire(updates: string): void
  /** Reads the tokens of these URIs that are missing or stale. Rejects as the registry does. */
  refresh(uris: string[]): Promise<void>
  /** Whether the tokens of all these URIs have been read, fresh or stale. */
  has(uris: string[]): boolean
  /** The cached tokens, fresh or stale. URIs without an update have none. */
  get(uris: string[]): ReadonlyMap<string, string>
}

/** The cache is cleared above this size. No stream has as many subscriptions. */
const MAX_CACHED = 10_000

export function createUpdateTokenCache(registry: Pick<Registry, 'updateTokens'>): UpdateTokenCache {
  const cache = new Map<string, { token: string | undefined; updates: string }>()
  let current = ''
  let reading: Promise<void> | undefined

  return {
    expire(updates) {
      current = updates
      if (cache.size > MAX_CACHED) cache.clear()
    },
    // One read at a time, so that an older result never replaces a newer one. When it fails, it
    // fails for all callers.
    async refresh(uris) {
      while (reading) await reading
      const stale = uris.filter(uri => cache.get(uri)?.updates !== current)
      if (stale.length === 0) return
      reading = read(stale, current).finally(() => {
        reading = undefined
      })
      await reading
    },
    has: uris => uris.every(uri => cache.has(uri)),
    get: uris =>
      new Map(
        uris.flatMap(uri => {
          const { token } = cache.get(uri) ?? {}
          return token === undefined ? [] : [[uri, token]]
        }),
      ),
  }

  async function read(uris: string[], updates: string) {
    const tokens = await registry.updateTokens(uris)
    for (const uri of uris) cache.set(uri, { token: tokens.get(uri), updates })
  }
}
