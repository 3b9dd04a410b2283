import type { Server } from '@modelcontextprotocol/server'

import type { Caller } from '../caller.ts'
import type { Catalogue, Snapshot } from '../registry/catalogue.ts'
import { stateOf } from '../registry/registry.ts'
import { visible } from './access.ts'

/** A running stream looks this often whether what its client may see has changed. */
const WATCH_MS = 2_000

/** Sends `list_changed` to an initialized client when one of its lists has. Returns how to stop. */
export function watchLists(server: Server, catalogue: Catalogue, caller: Caller): () => void {
  const notify = {
    tool: () => server.sendToolListChanged(),
    resource: () => server.sendResourceListChanged(),
    prompt: () => server.sendPromptListChanged(),
  } satisfies Record<keyof Snapshot, () => Promise<void>>
  const types = Object.keys(notify) as (keyof Snapshot)[]
  let told: Record<string, string> | undefined

  const timer = setInterval(() => {
    compare().catch(() => {
      // The registry is not readable just now, or the stream is ending: the next look decides.
    })
  }, WATCH_MS)
  server.oninitialized = () => void compare().catch(() => {})

  return () => clearInterval(timer)

  async function compare() {
    if (!server.getClientVersion()) return
    const snapshot = await catalogue.current()
    const now = Object.fromEntries(
      types.map(type => [
        type,
        visible(snapshot, type, caller)
          .map(it => `${it.name} ${stateOf(it)}`)
          .join(),
      ]),
    )
    const changed = told ? types.filter(type => told?.[type] !== now[type]) : []
    told = now
    for (const type of changed) await notify[type]()
  }
}
