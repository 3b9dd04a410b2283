import { setTimeout as sleep } from 'node:timers/promises'

import type {
  Prompt,
  Registration,
  RegistrationType,
  Resource,
  Tool,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { Key, Registry, RegistryVersion } from './registry.ts'
import { createUpdateTokenCache } from './update-token-cache.ts'

/** All registrations as they were at one moment, by name, sorted. */
export interface Snapshot {
  readonly tool: ReadonlyMap<string, Tool>
  readonly resource: ReadonlyMap<string, Resource>
  readonly prompt: ReadonlyMap<string, Prompt>
}

/** What this environment knows of the registry, so that a request need not wait for it. */
export interface CachedRegistry {
  /**
   * The registrations, at most `maxAgeMs` old (a second) where the table answers in time; where it is slow
   * or fails, those known. Rejects only while nothing is known yet.
   */
  snapshot(maxAgeMs?: number): Promise<Snapshot>
  /** One registration, with the manners of `snapshot`; the others are not read for it. */
  find<Type extends RegistrationType>(type: Type, name: string): Promise<Found<Type> | undefined>
  /**
   * The marks of these URIs' last announcements, at most `maxAgeMs` old, with the manners of `snapshot`; asks the
   * table only when something was announced since. A URI that has none was not announced, or not within a day.
   */
  updateTokens(uris: string[], maxAgeMs?: number): Promise<ReadonlyMap<string, string>>
  /** What the answers of the above that follow are at least as new as, with the manners of `snapshot`. */
  version(maxAgeMs?: number): Promise<RegistryVersion>
}

type Found<Type extends RegistrationType> =
  Snapshot[Type] extends ReadonlyMap<string, infer Item> ? Item : never

/** Younger than this is not asked about again. */
const FRESH_MS = 1_000
/** A table that has not answered by then is answered for. */
const PATIENCE_MS = 1_000
/** Everything is read again now and then, whatever the version says. */
const REREAD_MS = 60_000
/** Of a sort key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const MAX_KEY_BYTES = 1_024

export function createCachedRegistry(registry: Registry): CachedRegistry {
  let checked: { version: RegistryVersion; at: number } | undefined
  let checking: Promise<void> | undefined
  let known: { snapshot: Snapshot; version: RegistryVersion; readAt: number } | undefined
  let reading: { of: string; done: Promise<void> } | undefined
  /** What was read by name, where not everything was. */
  const single = new Map<string, { it: Registration; version: RegistryVersion; readAt: number }>()
  const marks = createUpdateTokenCache(registry)

  return {
    async snapshot(maxAgeMs = FRESH_MS) {
      return (await upToDate(maxAgeMs)).snapshot
    },
    async find(type, name) {
      const version = await check(FRESH_MS)
      if (isOf(version, known)) return known.snapshot[type].get(name) as never
      return (await readOne({ type, name }, version)) as never
    },
    async version(maxAgeMs = FRESH_MS) {
      // Everything may be older, where the table failed since.
      return known ? (await upToDate(maxAgeMs)).version : check(maxAgeMs)
    },
    async updateTokens(uris, maxAgeMs = FRESH_MS) {
      await check(maxAgeMs)
      const reading = marks.read(uris)
      if (marks.has(uris)) await inTime(reading)
      else await reading
      return marks.of(uris)
    },
  }

  async function check(maxAgeMs: number): Promise<RegistryVersion> {
    if (checked && Date.now() - checked.at < maxAgeMs) return checked.version
    checking ??= ask().finally(() => {
      checking = undefined
    })
    if (checked) await inTime(checking)
    else await checking
    if (!checked) throw new Error('the version was read and is still unknown')
    return checked.version
  }

  async function ask(): Promise<void> {
    const version = await registry.version()
    marks.expire(version.updates)
    checked = { version, at: Date.now() }
  }

  async function upToDate(maxAgeMs: number) {
    // Asked before the registrations are read: a change in between is found by the next check.
    const version = await check(maxAgeMs)
    if (isOf(version, known)) {
      known = { ...known, version }
      return known
    }
    // One that is under way may be of an older version, and would not do for whoever knows of the new one.
    if (reading?.of !== version.registrations) reading = readAll(version)
    if (known) await inTime(reading.done)
    else await reading.done
    if (!known) throw new Error('the registry was read and is still unknown')
    return known
  }

  function readAll(version: RegistryVersion) {
    const readAt = Date.now()
    const it = { of: version.registrations, done: finish() }
    return it

    async function finish(): Promise<void> {
      try {
        const snapshot = await read(registry)
        // An older reading that ends late changes nothing.
        if (reading === it) known = { snapshot, version, readAt }
      } finally {
        if (reading === it) reading = undefined
      }
    }
  }

  /** By its key: an environment that only calls reads what it calls, and not ten thousand others first. */
  async function readOne(key: Key, version: RegistryVersion): Promise<Registration | undefined> {
    // DynamoDB refuses such keys, and nothing can be registered under them.
    if (key.name === '' || Buffer.byteLength(key.name) > MAX_KEY_BYTES) return undefined
    const id = `${key.type} ${key.name}`
    const before = single.get(id)
    if (isOf(version, before)) return before.it
    const reading = registry.get(key).then(it => {
      if (it) single.set(id, { it, version, readAt: Date.now() })
      else single.delete(id)
    })
    if (before) await inTime(reading)
    else await reading
    return single.get(id)?.it
  }
}

function isOf<Kept extends { version: RegistryVersion; readAt: number }>(
  { registrations }: RegistryVersion,
  kept: Kept | undefined,
): kept is Kept {
  if (kept?.version.registrations !== registrations) return false
  return Date.now() - kept.readAt <= REREAD_MS
}

/** Settles with the work, or when the patience is over; what fails is reported. */
async function inTime(work: Promise<void>): Promise<void> {
  await Promise.race([work.catch(report), sleep(PATIENCE_MS, undefined, { ref: false })])
}

function report(error: unknown) {
  const { name, message } = error as Error
  console.warn(`catalogue: serving what is known, the registry failed with ${name}: ${message}`)
}

async function read(registry: Registry): Promise<Snapshot> {
  const snapshot: Record<RegistrationType, Map<string, Registration>> = {
    tool: new Map(),
    resource: new Map(),
    prompt: new Map(),
  }
  for await (const registration of registry.list())
    snapshot[registration.type].set(registration.name, registration)
  return snapshot as unknown as Snapshot
}
