import type { Server } from '@modelcontextprotocol/server'

import type { Caller } from '../caller.ts'
import type { Catalogue, Snapshot } from '../registry/catalogue.ts'
import { stateOf } from '../registry/registry.ts'
import { visible } from './access.ts'

type List = keyof Snapshot

export interface WatchOptions {
  catalogue: Catalogue
  /** Whose lists; everything that is registered where there is no one caller. */
  caller: Caller | undefined
  everyMs: number
  /** A change is told as soon as this holds. */
  ready?: () => boolean
  onChange(list: List): void | Promise<void>
}

const LISTS: List[] = ['tool', 'resource', 'prompt']

/** Tells of each list that is not any more what it was at the last look. Returns how to stop. */
export function watchLists({
  catalogue,
  caller,
  everyMs,
  ready = () => true,
  onChange,
}: WatchOptions): () => void {
  let told: Record<string, string> | undefined
  const timer = setInterval(look, everyMs)
  look()
  return () => clearInterval(timer)

  function look() {
    compare().catch(() => {
      // The registry is not readable just now, or the stream is ending: the next look decides.
    })
  }

  async function compare() {
    // The first look may be at what is known already: older is safer than newer than what the client was told.
    const snapshot = await catalogue.current(told && everyMs / 2)
    const now = Object.fromEntries(LISTS.map(list => [list, stateIn(snapshot, list)]))
    told ??= now
    if (!ready()) return
    const before = told
    told = now
    for (const list of LISTS) if (before[list] !== now[list]) await onChange(list)
  }

  function stateIn(snapshot: Snapshot, list: List): string {
    const items = caller ? visible(snapshot, list, caller) : [...snapshot[list].values()]
    return items.map(it => `${it.name} ${stateOf(it)}`).join()
  }
}

/** A running stream looks this often whether what its client may see has changed. */
const NOTIFY_MS = 2_000

/** Sends `list_changed` to an initialized client. Returns how to stop. */
export function notifyOfLists(server: Server, catalogue: Catalogue, caller: Caller): () => void {
  const notify = {
    tool: () => server.sendToolListChanged(),
    resource: () => server.sendResourceListChanged(),
    prompt: () => server.sendPromptListChanged(),
  }
  return watchLists({
    catalogue,
    caller,
    everyMs: NOTIFY_MS,
    ready: () => server.getClientVersion() !== undefined,
    onChange: list => notify[list](),
  })
}
