import { setTimeout as sleep } from 'node:timers/promises'

/** Counts the open streams of each principal, and makes room where one has too many. */
export interface OpenStreams {
  /** Undefined where the principal has as many streams as it may have, and all are in use. */
  open(stream: NewStream): Promise<OpenStream | undefined>
}

interface NewStream {
  /** `Caller.owner`: the principal. */
  owner: string
  /** How another environment asks this one to ping its client. Undefined where there is no ping. */
  probe?: Probe
  /** Milliseconds after which the stream ends at the latest. */
  timeMs: number
}

/** By a message in the inbox of an SSE session, or by a mark in an MCP session. */
export type Probe = { via: 'inbox' | 'session'; id: string }

/** The message of such an inbox. No client can send it, because it is not JSON. */
export const PROBE_MESSAGE = 'probe'

/** What the environment of a stream knows of its client. */
interface Signs {
  /** Milliseconds since 1970. */
  lastSignAt: number
  /** Whether a call is open. */
  isBusy: boolean
}

export interface OpenStream {
  /** Tells the others that this environment lives. Writes every half a minute only. */
  renew(signs: Signs): Promise<void>
  /** Answers a probe: the client lives. */
  answer(signs: Signs): Promise<void>
  /** The stream counts no more. Never rejects: an entry that stays expires. */
  close(): Promise<void>
}

/** A stream that counts, as the table has it. */
export interface StreamEntry extends Signs {
  position: string
  probe: Probe | undefined
}

export interface StreamStore {
  /** Adds the stream, or renews it. */
  put(owner: string, entry: StreamEntry): Promise<void>
  remove(owner: string, position: string): Promise<void>
  /** The streams of the principal whose lease is valid. */
  list(owner: string): Promise<StreamEntry[]>
  get(owner: string, position: string): Promise<StreamEntry | undefined>
  /** Asks the environment of a stream to ping its client. False where the stream is gone. */
  sendProbe(owner: string, probe: Probe): Promise<boolean>
  /** A new position. It sorts by the time when the stream ends at the latest. */
  newPosition(timeMs: number): string
}

/** Milliseconds between two renewals. An entry without one counts for `LEASE_SECONDS`. */
const RENEW_MS = 30_000
/** Milliseconds that a client has to answer the ping of a probe. */
export const PROBE_ANSWER_MS = 2_000
/** Milliseconds to wait for the effect of a probe: `GET /mcp` looks for one every 3.4 seconds. */
const PROBE_WAIT_MS = PROBE_ANSWER_MS + 6_000
const PROBE_LOOK_MS = 250

/**
 * A new stream is stored first and counted then. So two environments that race see each other, and
 * a principal never has more than `max`. Where both race for the last place, both may be refused.
 */
export function limitStreams(store: StreamStore, max: number): OpenStreams {
  return {
    async open(stream) {
      const placed = await place(stream)
      if (placed.opened) return placed.opened
      const { owner } = stream
      const quietest = placed.others
        .filter(it => it.probe && !it.isBusy)
        .sort((one, other) => one.lastSignAt - other.lastSignAt)[0]
      if (!quietest || !(await hasLeft(owner, quietest))) return undefined
      return (await place(stream)).opened
    },
  }

  async function place({ owner, probe, timeMs }: NewStream) {
    const position = store.newPosition(timeMs)
    const entry = { position, probe, lastSignAt: Date.now(), isBusy: false }
    await store.put(owner, entry)
    const others = (await store.list(owner)).filter(
      it => it.position !== position && !isEarlier(it.probe, probe),
    )
    if (others.length < max) return { opened: openStream(owner, entry), others }
    await store.remove(owner, position)
    return { opened: undefined, others }
  }

  /** Whether the stream has ended, because its client does not answer a ping. */
  async function hasLeft(owner: string, { position, probe, lastSignAt }: StreamEntry) {
    if (!probe) return false
    if (!(await store.sendProbe(owner, probe))) {
      await store.remove(owner, position)
      return true
    }
    for (let waited = 0; waited < PROBE_WAIT_MS; waited += PROBE_LOOK_MS) {
      await sleep(PROBE_LOOK_MS)
      const current = await store.get(owner, position)
      if (!current) return true
      if (current.lastSignAt !== lastSignAt || current.isBusy) return false
    }
    return false
  }

  function openStream(owner: string, { position, probe }: StreamEntry): OpenStream {
    let renewedAt = Date.now()
    let isClosed = false
    let last = Promise.resolve()
    return {
      async renew(signs) {
        if (Date.now() - renewedAt >= RENEW_MS) await write(signs)
      },
      answer: write,
      async close() {
        isClosed = true
        // A renewal that is under way must not bring the entry back.
        await last.then(() => store.remove(owner, position)).catch(ignore)
      },
    }

    async function write(signs: Signs) {
      if (isClosed) return
      const written = store.put(owner, { position, probe, ...signs })
      last = written.catch(ignore)
      await written
      renewedAt = Date.now()
    }
  }
}

/** A stream of the same SSE session ends when a new one takes the session over. */
const isEarlier = (one: Probe | undefined, other: Probe | undefined) =>
  one?.via === 'inbox' && other?.via === 'inbox' && one.id === other.id

/** For a gateway without a limit: nothing is stored. */
export const unlimitedStreams: OpenStreams = {
  async open() {
    return { async renew() {}, async answer() {}, async close() {} }
  },
}

function ignore() {
  // The entry expires by itself.
}
