import { createSessionId } from '../wire/session-id.ts'

/**
 * How far a client has read the streams of a resumable session: by the number of each stream that
 * may have more for it, the number of its last event. As the id of an event it is
 * `<session>.<stream>-<n>`, with `.<stream>-<n>` again for each further stream.
 */
export type Cursor = Map<number, number>

/** Resumable sessions have ids of their own, so that `POST /message` can tell them apart. */
const PREFIX = 'r-'

export const createResumableId = () => PREFIX + createSessionId()

export const isResumableId = (id: string) => /^r-[\w-]{24}$/.test(id)

export const toEventId = (session: string, cursor: Cursor) =>
  session + [...cursor].map(([stream, n]) => `.${stream}-${n}`).join('')

/** Undefined for what is no id of an event of a resumable session. */
export function parseEventId(id: string | undefined) {
  const [, session, positions] = EVENT_ID.exec(id ?? '') ?? []
  if (!session || !positions) return undefined
  const pairs = positions.slice(1).split('.')
  const cursor: Cursor = new Map(
    pairs.map(it => {
      const [stream, n] = it.split('-')
      return [Number(stream), Number(n)]
    }),
  )
  return { session, cursor }
}

/** A session has few streams whose environments still work for it. */
const EVENT_ID = /^(r-[\w-]{24})((?:\.\d{1,9}-\d{1,12}){1,200})$/
