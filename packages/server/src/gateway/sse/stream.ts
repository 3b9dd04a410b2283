import type { JSONRPCMessage, Server } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import { describe } from '../../http/errors.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import type { Inbox } from '../../session-table/relay.ts'
import type { Protocol } from '../protocol/server.ts'
import { createSubscriptions } from '../protocol/subscriptions.ts'
import type { EventStream } from '../wire/event-stream.ts'
import { createConnection } from './transport.ts'

export interface LifeOptions {
  id: string
  caller: Caller
  inbox: Inbox
  events: EventStream
  protocol: () => Promise<Protocol>
  /** Where the request came from a client that has been initialized before, in another session. */
  protocolVersion: string | undefined
  registry: CachedRegistry
  heartbeatSeconds: number
  idleTimeoutSeconds: number
  remaining(): number
}

/** Why a stream ends: its environment's time is up, its client shows no sign of life, its session is gone. */
type Reason = 'rotate' | 'idle' | 'superseded' | 'gone'

/** After which time a client that knows nothing of `bye` should open a new stream. */
const RETRY_MS = { rotate: 100, idle: 5_000, superseded: 5_000 } satisfies Partial<
  Record<Reason, number>
>

/** Before the environment's time is up: no more messages are accepted, running calls may finish … */
const FAREWELL_MS = 30_000
/** … and what has not by then is answered with an error. */
const LAST_WORDS_MS = 5_000

/**
 * The life of a stream, from the event `endpoint` to the end of the response. Lambda never tells that a
 * client hung up, so all that ends a stream is decided here:
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/145
 */
export function keepAlive(options: LifeOptions): void {
  const { id, caller, inbox, events, protocol, protocolVersion, registry, remaining } = options
  const connection = createConnection(id, events)
  const heartbeatMs = options.heartbeatSeconds * 1000
  const idleMs = options.idleTimeoutSeconds * 1000
  const time = remaining()
  const farewellMs = Math.min(FAREWELL_MS, time / 3)
  const lastWordsMs = Math.min(LAST_WORDS_MS, time / 10)

  const ended = new AbortController()
  let server: Server | undefined
  let stopWatching = () => {}
  let lastSign = Date.now()
  let finishing = false

  const timers = [
    setInterval(() => void heartbeat().catch(() => finish('gone')), heartbeatMs),
    setInterval(() => checkSigns(), Math.min(heartbeatMs, idleMs / 4)),
    setTimeout(() => finish('rotate'), time - farewellMs),
  ]
  void events.closed.then(() => finish('gone'))
  const reading = read().catch(error => {
    console.error(
      JSON.stringify({ message: 'stream failed', sessionId: id, error: describe(error) }),
    )
    finish('gone')
  })

  async function read() {
    const data = `/message?sessionId=${id}`
    await events.event({ id: `${id}.0`, name: 'endpoint', data, retry: 1_000 })
    const subscriptions = createSubscriptions()
    const conversation = { caller, sessionId: id, subscriptions }
    server = (await protocol()).createServer(conversation, time - farewellMs)
    await server.connect(connection)
    if (protocolVersion) connection.resume(protocolVersion)
    // Here, since it is of the code that only the environments with a stream load; see lambda/protocol.ts.
    const { notifyOfChanges } = await import('../protocol/changes.ts')
    stopWatching = notifyOfChanges(server, {
      registry,
      caller,
      subscriptions: async () => subscriptions.all,
    })
    for await (const message of inbox.messages(ended.signal)) {
      lastSign = Date.now()
      connection.receive(JSON.parse(message) as JSONRPCMessage)
    }
  }

  async function heartbeat() {
    await events.comment('ka')
    if (!(await inbox.renew())) finish('superseded')
  }

  function checkSigns() {
    const quiet = Date.now() - lastSign
    if (quiet >= idleMs) finish('idle')
    // A client that lives answers, and its answer is a message: a sign of life.
    else if (quiet >= idleMs / 2)
      server?.ping().catch(() => {
        // Not answered: the next check counts how long.
      })
  }

  function finish(reason: Reason) {
    if (finishing) return
    finishing = true
    for (const timer of timers) clearTimeout(timer)
    stopWatching()
    end(reason).catch(error => {
      console.error(
        JSON.stringify({
          message: 'stream not ended in order',
          sessionId: id,
          error: describe(error),
        }),
      )
    })
  }

  async function end(reason: Reason) {
    try {
      // From here on a post is refused, so that nothing is accepted which nobody would answer.
      await inbox.close()
      if (reason === 'rotate') {
        await Promise.race([reading.then(() => connection.idle()), until(lastWordsMs)])
        await connection.abandon()
      }
      if (reason !== 'gone')
        await events.event({
          name: 'bye',
          data: JSON.stringify({ reason }),
          retry: RETRY_MS[reason],
        })
    } finally {
      ended.abort()
      await server?.close()
      await events.end().catch(() => {
        // The reader is gone already.
      })
    }
  }

  /** Resolves when only `ms` are left of the environment's time. */
  function until(ms: number) {
    return new Promise<void>(resolve => setTimeout(resolve, Math.max(0, remaining() - ms)).unref())
  }
}
