import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Server } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import type { CachedRegistry, Snapshot } from '../../registry/cached.ts'
import { stateOf } from '../../registry/registry.ts'
import { visible } from './access.ts'
import { resolve } from './uris.ts'

type List = keyof Snapshot

export interface WatchOptions {
  registry: CachedRegistry
  /** Whose lists, and whose resources. */
  caller: Caller
  /** A change is told as soon as this holds. */
  ready?: () => boolean
  /** What the client knows, as `onTold` said it: all that is different at the first look is news. */
  since?: string | undefined
  /** Or the registrations that it starts from; those of the first look, if nothing is given. */
  from?: Snapshot
  /** Or the registrations' revision that it knows: if it is another one at the first look, all lists are news. */
  sinceRevision?: string
  /** The resources whose updates are told, each with the mark that is no news. */
  subscriptions(): Promise<ReadonlyMap<string, string>>
  onList(list: List): void | Promise<void>
  onUpdate(uri: string): void | Promise<void>
  /** Everything has been told, up to this state of things; called when it is another than before. */
  onTold?(state: string): void | Promise<void>
}

const LISTS: List[] = ['tool', 'resource', 'prompt']

/** A change reaches an open stream within a second. */
const LOOK_MS = 500

/** Tells of each list and each resource that is not any more what it was at the last look. Returns how to stop. */
export function watchChanges({
  registry,
  caller,
  ready = () => true,
  since,
  from,
  sinceRevision,
  subscriptions,
  onList,
  onUpdate,
  onTold,
}: WatchOptions): () => void {
  const stopped = new AbortController()
  const { signal } = stopped
  /** What is no news any more. */
  let lists: Record<string, string | undefined> | undefined
  let marks = new Map<string, string>()
  let told = since
  let seen: { snapshot: Snapshot; states: Record<string, string> } | undefined
  void look()
  return () => stopped.abort()

  async function look() {
    // The first look may be at what this environment knows already, where it is what the client starts from: older is
    // safer than newer than what it was told. Where it is compared with what the client knows, it is at the table.
    let maxAgeMs = (since ?? sinceRevision) === undefined ? undefined : 0
    for (; !signal.aborted; maxAgeMs = LOOK_MS / 2) {
      await compare(maxAgeMs).catch(() => {
        // The tables are not readable just now, or the stream is ending: the next look decides.
      })
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {
        // Stopped.
      })
    }
  }

  async function compare(maxAgeMs?: number) {
    const snapshot = await registry.snapshot(maxAgeMs)
    // The same object for as long as nothing has changed.
    if (seen?.snapshot !== snapshot) seen = { snapshot, states: listStates(snapshot) }
    const now = seen.states
    const wanted = await subscriptions()
    const current = await marksOf([...wanted.keys()], snapshot)
    if (!lists) {
      const [knownLists, knownMarks] = since?.split('/') ?? []
      if (knownLists !== undefined) lists = fromParts(knownLists.split('.'))
      else lists = from ? listStates(from) : (await isNews()) ? {} : now
      // All of them are known, or it is not known which.
      if (knownMarks === digest(current)) marks = new Map(current)
    }
    for (const uri of marks.keys()) if (!wanted.has(uri)) marks.delete(uri)
    for (const [uri, mark] of current) if (!marks.has(uri)) marks.set(uri, wanted.get(uri) ?? mark)
    if (!ready() || signal.aborted) return

    for (const list of LISTS)
      if (lists[list] !== now[list]) {
        lists = { ...lists, [list]: now[list] }
        await onList(list)
      }
    // One without a mark was announced days ago, or never.
    for (const [uri, mark] of current)
      if (mark && marks.get(uri) !== mark) {
        marks.set(uri, mark)
        await onUpdate(uri)
      }
    const state = `${LISTS.map(list => now[list]).join('.')}/${digest(current)}`
    if (state !== told) await onTold?.(state)
    told = state
  }

  async function isNews(): Promise<boolean> {
    if (sinceRevision === undefined) return false
    // The one that goes with the snapshot, so it is not asked for again.
    const { registrations } = await registry.version(Number.POSITIVE_INFINITY)
    return registrations !== sinceRevision
  }

  function listStates(snapshot: Snapshot): Record<string, string> {
    const stateIn = (list: List) =>
      digest(visible(snapshot, list, caller).map(it => `${it.name} ${stateOf(it)}`))
    return Object.fromEntries(LISTS.map(list => [list, stateIn(list)]))
  }

  /** Of those that can be read, in order. */
  async function marksOf(uris: string[], snapshot: Snapshot): Promise<[string, string][]> {
    if (uris.length === 0) return []
    const resources = visible(snapshot, 'resource', caller)
    const announced = await registry.updateTokens(uris)
    const readable = uris.filter(uri => resolve(resources, uri)).sort()
    return readable.map(uri => [uri, announced.get(uri) ?? ''])
  }
}

const fromParts = (parts: string[]) => Object.fromEntries(LISTS.map((list, n) => [list, parts[n]]))

const digest = (state: unknown[]) =>
  createHash('sha256').update(JSON.stringify(state)).digest('base64url').slice(0, 8)

/** Sends what changed to an initialized client of a revision before 2026-07-28. Returns how to stop. */
export function notifyOfChanges(
  server: Server,
  options: Omit<WatchOptions, 'onList' | 'onUpdate' | 'ready'>,
): () => void {
  const notify = {
    tool: () => server.sendToolListChanged(),
    resource: () => server.sendResourceListChanged(),
    prompt: () => server.sendPromptListChanged(),
  }
  return watchChanges({
    ...options,
    ready: () => server.getClientVersion() !== undefined,
    onList: list => notify[list](),
    onUpdate: uri => server.sendResourceUpdated({ uri }),
  })
}
