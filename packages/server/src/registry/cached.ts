import type { Registration, RegistrationType } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { createCachedList, type List } from './cached-list.ts'
import type { Key, RegistryReads, RegistryVersion } from './registry.ts'
import { readSnapshot, type Snapshot, withChanges } from './snapshot.ts'
import { createUpdateTokenCache } from './update-token-cache.ts'
import { waitBriefly } from './wait-briefly.ts'

/**
 * The registry as this environment has read it. Every method takes `maxAgeMs` (default: one second)
 * and reads the registry again when what is cached is older. When the registry fails or takes
 * longer than a second, the cached data is used. A method rejects only while the data is not cached
 * yet.
 */
export interface CachedRegistry {
  /**
   * The registrations of one type, read without the others where these are not cached. The same
   * object for as long as nothing has changed.
   */
  list<Type extends RegistrationType>(type: Type, maxAgeMs?: number): Promise<List<Type>>
  snapshot(maxAgeMs?: number): Promise<Snapshot>
  /**
   * A snapshot for a stream that looks again and again: eventually consistent, which costs half. It
   * is the same object for as long as nothing has changed.
   */
  follow(maxAgeMs: number): Promise<Snapshot>
  /**
   * One registration, read without the others where these are not cached. At most one second old.
   */
  find<Type extends RegistrationType>(type: Type, name: string): Promise<Found<Type> | undefined>
  /**
   * The update tokens of these URIs, as in `Registry.updateTokens`. Reads the table only after a
   * resource update.
   */
  updateTokens(uris: string[], maxAgeMs?: number): Promise<ReadonlyMap<string, string>>
  /** Whether a registration has the calling contract `mcp`. */
  usesMcpContract(): Promise<boolean>
  /** The registry version. Later results of the other methods are at least as new. */
  version(maxAgeMs?: number): Promise<RegistryVersion>
}

type Found<Type extends RegistrationType> =
  Snapshot[Type] extends ReadonlyMap<string, infer Item> ? Item : never

/** The default of `maxAgeMs`. */
const FRESH_MS = 1_000
/**
 * The age of a list for a client, which may have been told that it has changed: by a stream of
 * another environment, and then it asks at once.
 */
export const listAgeMs = ({ serverPush }: { serverPush: boolean }): number =>
  serverPush ? 0 : FRESH_MS
/** Changes are looked for after this time, even when the registry version has not changed. */
const LOOK_AGAIN_MS = 60_000
/**
 * A look covers this time before the last one too: the clocks of writers differ, and a change is
 * recorded before it is written.
 */
const OVERLAP_MS = 120_000
/** With a last look that is longer ago, all registrations are read. */
const MAX_BEHIND_MS = 30 * 60_000
/** All registrations are read after this time in any case: rows may be edited by hand. */
const REREAD_MS = 15 * 60_000
/**
 * The limit of a sort key:
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
const MAX_KEY_BYTES = 1_024

export function createCachedRegistry(registry: RegistryReads): CachedRegistry {
  let checked: { version: RegistryVersion; at: number } | undefined
  let checking: { isConsistent: boolean; done: Promise<void> } | undefined
  let followedAt = Number.NEGATIVE_INFINITY
  let cached: Cached | undefined
  let reading: { of: string; done: Promise<void> } | undefined
  /** Lists that were read while there was no snapshot. */
  const lists = {
    tool: createCachedList(registry, 'tool', LOOK_AGAIN_MS),
    resource: createCachedList(registry, 'resource', LOOK_AGAIN_MS),
    prompt: createCachedList(registry, 'prompt', LOOK_AGAIN_MS),
  }
  /** Registrations that were read by name while there was no snapshot. */
  const single = new Map<string, { it: Registration; version: RegistryVersion; readAt: number }>()
  let mcpContract: { isUsed: boolean; registrations: string } | undefined
  const tokens = createUpdateTokenCache(registry)

  return {
    async list(type, maxAgeMs = FRESH_MS) {
      if (cached) return (await current(maxAgeMs)).snapshot[type] as List<typeof type>
      const { list } = await lists[type].read(await check(maxAgeMs))
      return list as List<typeof type>
    },
    async snapshot(maxAgeMs = FRESH_MS) {
      return (await current(maxAgeMs)).snapshot
    },
    async follow(maxAgeMs) {
      if (Date.now() - followedAt >= maxAgeMs) await followVersion()
      return (await current(Number.POSITIVE_INFINITY)).snapshot
    },
    async find(type, name) {
      const version = await check(FRESH_MS)
      const list =
        cached && isCurrent(cached, version, cached.lookedAt)
          ? cached.snapshot[type]
          : lists[type].current(version)
      // What is missing may have been registered within the last second.
      return (list?.get(name) ?? (await readOne({ type, name }, version))) as never
    },
    async version(maxAgeMs = FRESH_MS) {
      // What is cached may be older than the version that was checked, where the table failed in
      // between.
      if (cached) return (await current(maxAgeMs)).version
      const version = await check(maxAgeMs)
      const read = Object.values(lists).filter(it => it.isCached())
      const versions = await Promise.all(read.map(async it => (await it.read(version)).version))
      return versions.find(it => it.registrations !== version.registrations) ?? version
    },
    async usesMcpContract() {
      const { registrations } = await check(FRESH_MS)
      if (mcpContract?.registrations !== registrations)
        mcpContract = { isUsed: await registry.usesMcpContract(), registrations }
      return mcpContract.isUsed
    },
    async updateTokens(uris, maxAgeMs = FRESH_MS) {
      await check(maxAgeMs)
      const refreshing = tokens.refresh(uris)
      if (tokens.has(uris)) await waitBriefly(refreshing)
      else await refreshing
      return tokens.get(uris)
    },
  }

  async function check(maxAgeMs: number): Promise<RegistryVersion> {
    if (checked && Date.now() - checked.at < maxAgeMs) return checked.version
    // A version that may be a second old may be so much older that it costs half.
    const isConsistent = !checked || maxAgeMs === 0
    if (!checking || (isConsistent && !checking.isConsistent)) checking = begin(isConsistent)
    const { done } = checking
    if (checked) await waitBriefly(done)
    else await done
    if (!checked) throw new Error('the registry version was read and is still unknown')
    return checked.version
  }

  function begin(isConsistent: boolean) {
    const it = { isConsistent, done: finish() }
    return it

    async function finish(): Promise<void> {
      try {
        await readVersion(isConsistent)
        if (checked) checked.at = Date.now()
      } finally {
        if (checking === it) checking = undefined
      }
    }
  }

  async function readVersion(isConsistent: boolean): Promise<void> {
    let version = await registry.version({ isConsistent })
    // Such a read may be older than what is known. Where a consistent one is too, the item was
    // restored.
    if (!isConsistent && checked && isOlder(version, checked.version))
      version = await registry.version()
    tokens.expire(version.updates)
    checked = { version, at: checked?.at ?? Date.now() }
  }

  async function followVersion(): Promise<void> {
    if (!checked) return void (await check(0))
    followedAt = Date.now()
    await waitBriefly(readVersion(false))
  }

  async function current(maxAgeMs: number) {
    // The version is read before the registrations: the next check finds a change in between.
    const version = await check(maxAgeMs)
    if (cached && isCurrent(cached, version, cached.lookedAt)) {
      cached = { ...cached, version }
      return cached
    }
    // A read that started for an older version may not have the new registrations.
    if (reading?.of !== version.registrations) reading = refresh(version)
    if (cached) await waitBriefly(reading.done)
    else await reading.done
    if (!cached) throw new Error('the registry was read and is still unknown')
    return cached
  }

  function refresh(version: RegistryVersion) {
    const it = { of: version.registrations, done: finish() }
    return it

    async function finish(): Promise<void> {
      try {
        const read = (cached && (await readChanges(cached, version))) ?? (await readAll(version))
        // An older read that ends late changes nothing, unless there is nothing else yet.
        if (reading === it || !cached) cached = read
      } finally {
        if (reading === it) reading = undefined
      }
    }
  }

  async function readAll(version: RegistryVersion): Promise<Cached> {
    const now = Date.now()
    const [snapshot, changes = []] = await Promise.all([
      readSnapshot(registry),
      registry.changesSince(now - OVERLAP_MS),
    ])
    const changeIds = new Set(changes.map(it => it.id))
    return { snapshot, version, readAt: now, lookedAt: now, changeIds }
  }

  /** Undefined where all registrations have to be read. */
  async function readChanges(
    { snapshot, version: before, readAt, lookedAt, changeIds }: Cached,
    version: RegistryVersion,
  ): Promise<Cached | undefined> {
    const now = Date.now()
    if (now - readAt > REREAD_MS || now - lookedAt > MAX_BEHIND_MS) return undefined
    const changes = await registry.changesSince(lookedAt - OVERLAP_MS)
    if (!changes) return undefined
    // Each counted change has been recorded before. Otherwise a clock is far off.
    const counted = Number(version.registrations) - Number(before.registrations)
    if (!(changes.filter(it => !changeIds.has(it.id)).length >= counted)) return undefined
    return {
      // All of them: one that was recorded before the last look may be written only now.
      snapshot: await withChanges(
        registry,
        snapshot,
        changes.map(it => it.key),
      ),
      version,
      readAt,
      lookedAt: now,
      changeIds: new Set(changes.map(it => it.id)),
    }
  }

  /**
   * Reads one registration by its key, so that an environment that only calls tools need not read
   * all of them.
   */
  async function readOne(key: Key, version: RegistryVersion): Promise<Registration | undefined> {
    // DynamoDB refuses such keys, so no registration has one.
    if (key.name === '' || Buffer.byteLength(key.name) > MAX_KEY_BYTES) return undefined
    const id = `${key.type} ${key.name}`
    const before = single.get(id)
    if (before && isCurrent(before, version, before.readAt)) return before.it
    const reading = registry.get(key).then(it => {
      if (it) single.set(id, { it, version, readAt: Date.now() })
      else single.delete(id)
    })
    if (before) await waitBriefly(reading)
    else await reading
    return single.get(id)?.it
  }
}

interface Cached {
  snapshot: Snapshot
  version: RegistryVersion
  /** When all registrations were read, in milliseconds since 1970. */
  readAt: number
  /** When changes were last looked for. */
  lookedAt: number
  /** The changes that the last look has found. */
  changeIds: ReadonlySet<string>
}

const isCurrent = (
  { version }: { version: RegistryVersion },
  { registrations }: RegistryVersion,
  lookedAt: number,
) => version.registrations === registrations && Date.now() - lookedAt <= LOOK_AGAIN_MS

const isOlder = (one: RegistryVersion, other: RegistryVersion) =>
  Number(one.registrations) < Number(other.registrations) ||
  Number(one.updates) < Number(other.updates)
