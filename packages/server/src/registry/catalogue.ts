import { setTimeout as sleep } from 'node:timers/promises'

import type {
  Prompt,
  Registration,
  RegistrationType,
  Resource,
  Tool,
} from '@markvp/mcp-lambda-sam-admin-client/contract'

import type { Registry } from './registry.ts'

/** All registrations as they were at one moment, by name, sorted. */
export interface Snapshot {
  readonly tool: ReadonlyMap<string, Tool>
  readonly resource: ReadonlyMap<string, Resource>
  readonly prompt: ReadonlyMap<string, Prompt>
}

/** What this environment knows of the registry, so that a request need not wait for it. */
export interface Catalogue {
  /**
   * The registrations, at most `maxAgeMs` old (a second) where the table answers in time; where it is slow
   * or fails, those known. Rejects only while nothing is known yet.
   */
  current(maxAgeMs?: number): Promise<Snapshot>
}

/** Younger than this is not asked about again. */
const FRESH_MS = 1_000
/** A table that has not answered by then is answered for. */
const PATIENCE_MS = 1_000
/** Everything is read again now and then, whatever the revision says. */
const REREAD_MS = 60_000

export function createCatalogue(registry: Registry): Catalogue {
  let known: { snapshot: Snapshot; revision: string; readAt: number } | undefined
  let checkedAt = 0
  let refreshing: Promise<void> | undefined

  return {
    async current(maxAgeMs = FRESH_MS) {
      if (known && Date.now() - checkedAt < maxAgeMs) return known.snapshot
      refreshing ??= refresh().finally(() => {
        refreshing = undefined
      })
      if (!known) await refreshing
      else
        await Promise.race([
          refreshing.catch(report),
          sleep(PATIENCE_MS, undefined, { ref: false }),
        ])
      if (!known) throw new Error('the registry was read and is still unknown')
      return known.snapshot
    },
  }

  async function refresh(): Promise<void> {
    // Asked before the registrations are read: a change in between is found by the next refresh.
    const revision = await registry.revision()
    const now = Date.now()
    if (revision !== known?.revision || now - known.readAt > REREAD_MS)
      known = { snapshot: await read(registry), revision, readAt: now }
    checkedAt = Date.now()
  }

  function report(error: unknown) {
    const { name, message } = error as Error
    console.warn(`catalogue: serving what is known, the registry failed with ${name}: ${message}`)
  }
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
