import type { RegistrationType } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { ItemOf, Registry, RegistryVersion } from './registry.ts'
import { waitBriefly } from './wait-briefly.ts'

/** The registrations of one type, by name, sorted. */
export type List<Type extends RegistrationType> = ReadonlyMap<string, ItemOf<Type>>

/** A list, and the registry version that it has at least. */
interface ReadList<Type extends RegistrationType> {
  list: List<Type>
  version: RegistryVersion
  readAt: number
}

/** The registrations of one type, as this environment has read them. */
interface CachedList<Type extends RegistrationType> {
  isCached(): boolean
  /** The cached list where it has this version. */
  current(version: RegistryVersion): List<Type> | undefined
  /**
   * Reads the list again where what is cached is older than this version. Where the table fails or
   * is slow, gives what is cached.
   */
  read(version: RegistryVersion): Promise<ReadList<Type>>
}

/** After `rereadMs` the list is read again, even when the registry version has not changed. */
export function createCachedList<Type extends RegistrationType>(
  registry: Pick<Registry, 'list'>,
  type: Type,
  rereadMs: number,
): CachedList<Type> {
  let cached: ReadList<Type> | undefined
  let reading: { of: string; done: Promise<void> } | undefined

  return {
    isCached: () => cached !== undefined,
    current: version => (isCurrent(cached, version) ? cached.list : undefined),
    async read(version) {
      if (isCurrent(cached, version)) {
        cached = { ...cached, version }
        return cached
      }
      // A read that started for an older version may not have the new registrations.
      if (reading?.of !== version.registrations) reading = readAll(version)
      if (cached) await waitBriefly(reading.done)
      else await reading.done
      if (!cached) throw new Error('the registry was read and is still unknown')
      return cached
    },
  }

  function readAll(version: RegistryVersion) {
    const readAt = Date.now()
    const it = { of: version.registrations, done: finish() }
    return it

    async function finish(): Promise<void> {
      try {
        const list = new Map<string, ItemOf<Type>>()
        for await (const registration of registry.list({ type }))
          list.set(registration.name, registration as ItemOf<Type>)
        // An older read that ends late changes nothing, unless there is nothing else yet.
        if (reading === it || !cached) cached = { list, version, readAt }
      } finally {
        if (reading === it) reading = undefined
      }
    }
  }

  function isCurrent(
    read: ReadList<Type> | undefined,
    { registrations }: RegistryVersion,
  ): read is ReadList<Type> {
    if (read?.version.registrations !== registrations) return false
    return Date.now() - read.readAt <= rereadMs
  }
}
