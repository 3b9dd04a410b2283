import type {
  Prompt,
  Registration,
  RegistrationType,
  Resource,
  Tool,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type Key, type RegistryReads, stateOf } from './registry.ts'

/** All registrations as they were at one moment, by name, sorted. */
export interface Snapshot {
  readonly tool: ReadonlyMap<string, Tool>
  readonly resource: ReadonlyMap<string, Resource>
  readonly prompt: ReadonlyMap<string, Prompt>
}

type Lists = Record<RegistrationType, Map<string, Registration>>

/** Reads all registrations. */
export async function readSnapshot(registry: RegistryReads): Promise<Snapshot> {
  const lists: Lists = { tool: new Map(), resource: new Map(), prompt: new Map() }
  for await (const registration of registry.list())
    lists[registration.type].set(registration.name, registration)
  return lists as unknown as Snapshot
}

/** Reads these registrations again. Returns the same object where none is different. */
export async function withChanges(
  registry: RegistryReads,
  snapshot: Snapshot,
  keys: Key[],
): Promise<Snapshot> {
  const distinct = new Map(keys.map(it => [`${it.type} ${it.name}`, it]))
  const read = await Promise.all(
    [...distinct.values()].map(async key => ({ key, now: await registry.get(key) })),
  )
  const lists = { ...snapshot } as unknown as Lists
  let isSame = true
  for (const { key, now } of read) {
    const before = lists[key.type].get(key.name)
    if (before && now ? stateOf(before) === stateOf(now) : before === now) continue
    isSame = false
    lists[key.type] = now
      ? withEntry(lists[key.type], now)
      : new Map([...lists[key.type]].filter(([name]) => name !== key.name))
  }
  return isSame ? snapshot : (lists as unknown as Snapshot)
}

/** In the order of the table, which compares the UTF-8 bytes of names. */
function withEntry(list: Map<string, Registration>, entry: Registration) {
  if (list.has(entry.name)) return new Map(list).set(entry.name, entry)
  const bytes = Buffer.from(entry.name)
  const entries = [...list]
  const found = entries.findIndex(([name]) => Buffer.from(name).compare(bytes) > 0)
  entries.splice(found < 0 ? entries.length : found, 0, [entry.name, entry])
  return new Map(entries)
}
