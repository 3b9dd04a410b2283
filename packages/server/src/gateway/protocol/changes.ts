import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { Server } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { stateOf } from '../../registry/registry.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import { visible } from './access.ts'
import { resolve } from './uris.ts'

type List = keyof Snapshot

/** What the client knows already. Everything that differs from it is reported. */
export type StartingPoint =
  /** The registrations that the first look finds. */
  | { from: 'first-look' }
  /** These registrations. */
  | { from: 'snapshot'; snapshot: Snapshot }
  /** The registrations of this registry version. At another version all lists count as changed. */
  | { from: 'registry-version'; registrations: string }
  /** The state that `onReported` was called with. */
  | { from: 'reported-state'; state: string }

export interface WatchOptions {
  registry: CachedRegistry
  /** Only lists and resources that this caller may see are reported. */
  caller: Caller
  startingPoint: StartingPoint
  /** Changes are kept back until this returns true. */
  isReady?: () => boolean
  /**
   * The subscribed URIs, each with the update token that the client knows. Called at every look,
   * with `isUpdated` before a client is told of an update.
   */
  subscriptions(isUpdated?: boolean): Promise<ReadonlyMap<string, string>>
  onListChanged(list: List): void | Promise<void>
  onResourceUpdated(uri: string): void | Promise<void>
  /** Called with a new state, after every change up to that state was reported. */
  onReported?(state: string): void | Promise<void>
}

/** What a look has found. */
interface Seen {
  snapshot: Snapshot
  states: Record<string, string>
  /** Whether the caller may read a resource, by URI. */
  readable: Map<string, boolean>
}

const LISTS: List[] = ['tool', 'resource', 'prompt']

/**
 * Milliseconds between two looks: a change reaches an open stream within about a second. Each look
 * costs half a read unit, which is $0.19 a month.
 */
const LOOK_MS = 850

/** Reports changed lists and updated resources. Returns a function that stops it. */
export function watchChanges({
  registry,
  caller,
  startingPoint,
  isReady = () => true,
  subscriptions,
  onListChanged,
  onResourceUpdated,
  onReported,
}: WatchOptions): () => void {
  const stopped = new AbortController()
  const { signal } = stopped
  /** The lists that the client knows; undefined before the first look. */
  let lists: Record<string, string | undefined> | undefined
  /** The update tokens that the client knows, by URI. */
  let tokens = new Map<string, string>()
  let reported = startingPoint.from === 'reported-state' ? startingPoint.state : undefined
  let seen: Seen | undefined
  void look()
  return () => stopped.abort()

  async function look() {
    // A first look that is compared with what the client knows reads the table. Otherwise it may
    // use the cache: an older starting point reports too much, a newer one too little.
    const { from } = startingPoint
    const isCompared = from === 'registry-version' || from === 'reported-state'
    let read = () => registry.snapshot(isCompared ? 0 : undefined)
    for (; !signal.aborted; read = () => registry.follow(LOOK_MS / 2)) {
      await compare(read).catch(() => {
        // The tables cannot be read, or the stream is ending: the next look tries again.
      })
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {
        // Stopped.
      })
    }
  }

  async function compare(read: () => Promise<Snapshot>) {
    const snapshot = await read()
    // The registry returns the same object for as long as nothing has changed.
    if (seen?.snapshot !== snapshot)
      seen = { snapshot, states: listStates(snapshot), readable: new Map() }
    const now = seen.states
    const wanted = await subscriptions()
    const current = await tokensOf([...wanted.keys()], seen)
    if (!lists) {
      lists = await knownLists(now)
      if (knowsTokens(current)) tokens = new Map(current)
    }
    for (const uri of tokens.keys()) if (!wanted.has(uri)) tokens.delete(uri)
    for (const [uri, token] of current)
      if (!tokens.has(uri)) tokens.set(uri, wanted.get(uri) ?? token)
    if (!isReady() || signal.aborted) return

    for (const list of LISTS)
      if (lists[list] !== now[list]) {
        lists = { ...lists, [list]: now[list] }
        await onListChanged(list)
      }
    // A resource without a token was never updated, or more than a day ago.
    const updated = current.filter(([uri, token]) => token && tokens.get(uri) !== token)
    // Read again: the client may have unsubscribed since this look began.
    const subscribed = updated.length > 0 ? await subscriptions(true) : wanted
    for (const [uri, token] of updated) {
      tokens.set(uri, token)
      if (subscribed.has(uri)) await onResourceUpdated(uri)
    }
    const state = toState(now, current)
    if (state !== reported) await onReported?.(state)
    reported = state
  }

  /** A list that is missing here counts as changed. */
  async function knownLists(
    now: Record<string, string>,
  ): Promise<Record<string, string | undefined>> {
    switch (startingPoint.from) {
      case 'first-look':
        return now
      case 'snapshot':
        return listStates(startingPoint.snapshot)
      case 'reported-state':
        return fromState(startingPoint.state).lists
      case 'registry-version': {
        // The version of the snapshot that was just read: no age is too old.
        const { registrations } = await registry.version(Number.POSITIVE_INFINITY)
        return registrations === startingPoint.registrations ? now : {}
      }
    }
  }

  /** Whether the client knows all current update tokens. Otherwise it is not known which. */
  function knowsTokens(current: [string, string][]): boolean {
    if (startingPoint.from !== 'reported-state') return false
    return fromState(startingPoint.state).tokens === digest(current)
  }

  function listStates(snapshot: Snapshot): Record<string, string> {
    const stateIn = (list: List) =>
      digest(visible<Registration>(snapshot[list], caller).map(it => `${it.name} ${stateOf(it)}`))
    return Object.fromEntries(LISTS.map(list => [list, stateIn(list)]))
  }

  /** The update tokens of the resources that the caller may read, sorted by URI. */
  async function tokensOf(uris: string[], seen: Seen): Promise<[string, string][]> {
    const readable = readableOf(uris, seen).sort()
    if (readable.length === 0) return []
    // The look has just read the registry version.
    const updated = await registry.updateTokens(readable, Number.POSITIVE_INFINITY)
    return readable.map(uri => [uri, updated.get(uri) ?? ''])
  }

  /** The registry is searched once for each URI, and again when it has changed. */
  function readableOf(uris: string[], { snapshot, readable }: Seen): string[] {
    const unknown = uris.filter(uri => !readable.has(uri))
    for (const uri of unknown)
      readable.set(uri, resolve(snapshot.resource, caller, uri) !== undefined)
    return uris.filter(uri => readable.get(uri))
  }
}

/** `<tools>.<resources>.<prompts>/<update tokens>`, each a digest. */
const toState = (lists: Record<string, string>, tokens: [string, string][]) =>
  `${LISTS.map(list => lists[list]).join('.')}/${digest(tokens)}`

function fromState(state: string) {
  const [lists = '', tokens] = state.split('/')
  const digests = lists.split('.')
  return { lists: Object.fromEntries(LISTS.map((list, n) => [list, digests[n]])), tokens }
}

const digest = (state: unknown[]) =>
  createHash('sha256').update(JSON.stringify(state)).digest('base64url').slice(0, 8)

/**
 * Sends notifications of changes to an initialized client of a protocol version before 2026-07-28.
 * Returns a function that stops it.
 */
export function notifyOfChanges(
  server: Server,
  options: Omit<WatchOptions, 'onListChanged' | 'onResourceUpdated' | 'isReady'>,
): () => void {
  const notify = {
    tool: () => server.sendToolListChanged(),
    resource: () => server.sendResourceListChanged(),
    prompt: () => server.sendPromptListChanged(),
  }
  return watchChanges({
    ...options,
    isReady: () => server.getClientVersion() !== undefined,
    onListChanged: list => notify[list](),
    onResourceUpdated: uri => server.sendResourceUpdated({ uri }),
  })
}
