import type { ServerResponse } from 'node:http'

import { consoleError } from './errors.ts'
import type { ConsoleEvent } from './messages.ts'

/** Pages that are open at the same time. */
const LIMIT = 20
/** A page that leaves more unread is cut off. It connects again and gets the snapshot. */
const UNREAD_LIMIT = 16 * 1024 * 1024
const ALIVE_MS = 15_000

export interface LiveStreams {
  publish(event: ConsoleEvent): void
  /** Sends the snapshot, and then every event. Throws a `ConsoleError` above the limit. */
  open(response: ServerResponse, snapshot: ConsoleEvent): void
}

/** The streams of `GET /api/events`: one line of JSON for each event. */
export function createLiveStreams(): LiveStreams {
  const streams = new Set<ServerResponse>()
  const publish = (event: ConsoleEvent) => {
    if (streams.size === 0) return
    const line = `${JSON.stringify(event)}\n`
    for (const it of streams)
      if (it.writableLength > UNREAD_LIMIT) it.destroy()
      else it.write(line)
  }
  return {
    publish,
    open(response, snapshot) {
      if (streams.size >= LIMIT)
        throw consoleError('too_many_pages', `${LIMIT} pages are open`, 'Close one of them.')
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write(`${JSON.stringify(snapshot)}\n`)
      streams.add(response)
      const timer = setInterval(() => response.write('{"type":"alive"}\n'), ALIVE_MS)
      response.once('close', () => {
        clearInterval(timer)
        streams.delete(response)
      })
    },
  }
}
