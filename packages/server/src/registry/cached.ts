import { setTimeout as sleep } from 'node:timers/promises'

import type {
  Prompt,
  Registration,
  RegistrationType,
  Resource,
  Tool,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import type { Key, Registry, RegistryVersion } from './registry.ts'
import { createUpdateTokenCache } from './update-token-cache.ts'

/** All registrations as they were at one moment, by name, sorted. */
export interface Snapshot {
  readonly tool: ReadonlyMap<string, Tool>
  readonly resource: ReadonlyMap<string, Resource>
  readonly prompt: ReadonlyMap<string, Prompt>
}

/**
 * The registry as this environment has read it. Every method takes `maxAgeMs` (default: one second)
 * and reads the registry again when what is cached is older. When the registry fails or takes
 * longer than a second, the cached data is used. A method rejects only while the data is not cached
 * yet.
 */
export interface CachedRegistry {
  snapshot(maxAgeMs?: number): Promise<Snapshot>
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
/** How long a call waits for the table before it uses cached data. */
const MAX_WAIT_MS = 1_000
/** Registrations are read again after this time, even when the registry version has not changed. */
const REREAD_MS = 60_000
/**
 * The limit of a sort key:
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
const MAX_KEY_BYTES = 1_024

export function createCachedRegistry(registry: Registry): CachedRegistry {
  let checked: { version: RegistryVersion; at: number } | undefined
  let checking: Promise<void> | undefined
  let cached: { snapshot: Snapshot; version: RegistryVersion; readAt: number } | undefined
  let reading: { of: string; done: Promise<void> } | undefined
  /** Registrations that were read by name while there was no snapshot. */
  const single = new Map<string, { it: Registration; version: RegistryVersion; readAt: number }>()
  let mcpContract: { isUsed: boolean; registrations: string } | undefined
  const tokens = createUpdateTokenCache(registry)

  return {
    async snapshot(maxAgeMs = FRESH_MS) {
      return (await readSnapshot(maxAgeMs)).snapshot
    },
    async find(type, name) {
      const version = await check(FRESH_MS)
      if (isCurrent(cached, version)) return cached.snapshot[type].get(name) as never
      return (await readOne({ type, name }, version)) as never
    },
    async version(maxAgeMs = FRESH_MS) {
      // The snapshot may be older than the version that was checked, where the table failed in
      // between.
      return cached ? (await readSnapshot(maxAgeMs)).version : check(maxAgeMs)
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
    checking ??= readVersion().finally(() => {
      checking = undefined
    })
    if (checked) await waitBriefly(checking)
    else await checking
    if (!checked) throw new Error('the registry version was read and is still unknown')
    return checked.version
  }

  async function readVersion(): Promise<void> {
    const version = await registry.version()
    tokens.expire(version.updates)
    checked = { version, at: Date.now() }
  }

  async function readSnapshot(maxAgeMs: number) {
    // The version is read before the registrations: the next check finds a change in between.
    const version = await check(maxAgeMs)
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
  }

  function readAll(version: RegistryVersion) {
    const readAt = Date.now()
    const it = { of: version.registrations, done: finish() }
    return it

    async function finish(): Promise<void> {
      try {
        const snapshot = await snapshotOf(registry)
        // An older read that ends late changes nothing.
        if (reading === it) cached = { snapshot, version, readAt }
      } finally {
        if (reading === it) reading = undefined
      }
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
    if (isCurrent(before, version)) return before.it
    const reading = registry.get(key).then(it => {
      if (it) single.set(id, { it, version, readAt: Date.now() })
      else single.delete(id)
    })
    if (before) await waitBriefly(reading)
    else await reading
    return single.get(id)?.it
  }
}

function isCurrent<Read extends { version: RegistryVersion; readAt: number }>(
  read: Read | undefined,
  { registrations }: RegistryVersion,
): read is Read {
  if (read?.version.registrations !== registrations) return false
  return Date.now() - read.readAt <= REREAD_MS
}

/**
 * Resolves when the work is done, has failed, or takes longer than `MAX_WAIT_MS`. Logs a failure.
 */
async function waitBriefly(work: Promise<void>): Promise<void> {
  await Promise.race([work.catch(logFailure), sleep(MAX_WAIT_MS, undefined, { ref: false })])
}

function logFailure(error: unknown) {
  log.warn('registry: could not be read, cached data is used', { error: describe(error) })
}

async function snapshotOf(registry: Registry): Promise<Snapshot> {
  const snapshot: Record<RegistrationType, Map<string, Registration>> = {
    tool: new Map(),
    resource: new Map(),
    prompt: new Map(),
  }
  for await (const registration of registry.list())
    snapshot[registration.type].set(registration.name, registration)
  return snapshot as unknown as Snapshot
}
