import type { Registry } from './registry.ts'

/** The marks of announcements that this environment has asked for. */
export interface UpdateTokenCache {
  /** What was read before this count of announcements is read again. */
  expire(announcements: string): void
  /** Reads what is not up to date; rejects as the registry does. */
  read(uris: string[]): Promise<void>
  /** Whether all of these have been read, however long ago. */
  has(uris: string[]): boolean
  of(uris: string[]): ReadonlyMap<string, string>
}

/** More are forgotten; no stream has as many. */
const MAX_KEPT = 10_000

export function createUpdateTokenCache(registry: Pick<Registry, 'updateTokens'>): UpdateTokenCache {
  const kept = new Map<string, { mark: string | undefined; announcements: string }>()
  let current = ''
  let reading: Promise<void> | undefined

  return {
    expire(announcements) {
      current = announcements
      if (kept.size > MAX_KEPT) kept.clear()
    },
    // One at a time: an older answer never comes after a newer one, and all who wait for a table that fails fail.
    async read(uris) {
      while (reading) await reading
      const outdated = uris.filter(uri => kept.get(uri)?.announcements !== current)
      if (outdated.length === 0) return
      reading = keep(outdated, current).finally(() => {
        reading = undefined
      })
      await reading
    },
    has: uris => uris.every(uri => kept.has(uri)),
    of: uris =>
      new Map(
        uris.flatMap(uri => {
          const { mark } = kept.get(uri) ?? {}
          return mark === undefined ? [] : [[uri, mark]]
        }),
      ),
  }

  async function keep(uris: string[], announcements: string) {
    const marks = await registry.updateTokens(uris)
    for (const uri of uris) kept.set(uri, { mark: marks.get(uri), announcements })
  }
}
