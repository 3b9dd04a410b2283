// The target `http`: random requests to the built handlers of both functions.
import { workerData } from 'node:worker_threads'

import { startHandlers, urlEvent } from './gateway.mjs'
import { conversation, mcpCase, registrationCase } from './http-cases.mjs'
import { checkResponse, countOf, isRequestId } from './http-checks.mjs'
import { VERSIONS } from './messages.mjs'
import { randomOfCase } from './random.mjs'

/** @typedef {import('./http-cases.mjs').Session} Session */
/** @typedef {import('./gateway.mjs').UrlEvent} UrlEvent */

/** How many MCP sessions are used again. */
const SESSIONS = 12
/** Long enough for a stream, short enough for a case. */
const STREAM_MS = 200
/** A client that waits so long for a response counts it as lost. */
const LOST_MS = 2_000

/** @type {import('./worker.mjs').Target} */
export const target = {
  concurrency: 8,
  async start(seed) {
    const handlers = await startHandlers(workerData.dist)
    /** @type {Promise<Session>[]} */
    const opening = Array.from({ length: SESSIONS }, (_, n) =>
      openSession(VERSIONS[n % 4] ?? '2025-11-25'),
    )
    const sessions = await Promise.all(opening)
    return { run, show }

    /** @param {number} index */
    async function run(index) {
      const random = randomOfCase(seed, index)
      return random.weighted([
        [94, () => single(mcpCase(random, sessions))],
        [5, () => register(registrationCase(random))],
        [1, () => converse(index)],
      ])
    }

    /**
     * What a case sends.
     *
     * @param {number} index
     */
    function show(index) {
      const random = randomOfCase(seed, index)
      return random.weighted(
        /** @type {[number, () => unknown][]} */ ([
          [94, () => mcpCase(random, sessions)],
          [5, () => registrationCase(random)],
          [1, () => conversation(randomOfCase(seed, index))],
        ]),
      )
    }

    /** @param {UrlEvent} event */
    async function single(event) {
      const { method } = event.requestContext.http
      const isStream = method === 'GET' || textOf(event).includes('subscriptions/listen')
      const response = await handlers.mcp(event, isStream ? { remainingMs: STREAM_MS } : {})
      if (method === 'DELETE') await replace(event.headers['mcp-session-id'])
      return checkResponse(event, textOf(event), response)
    }

    /** @param {UrlEvent} event */
    async function register(event) {
      return checkResponse(event, textOf(event), await handlers.register(event))
    }

    /**
     * Opens an SSE session, posts messages and reads what comes: each request that was accepted
     * has one response.
     *
     * @param {number} index
     * @returns {Promise<string[]>}
     */
    async function converse(index) {
      let text = ''
      let isDone = false
      let onText = () => {}
      const stream = handlers.mcp(urlEvent({ method: 'GET', path: '/sse' }), {
        remainingMs: 30_000,
        onText(more) {
          text += more
          onText()
          return isDone
        },
      })
      const until = (/** @type {() => boolean} */ condition, ms = LOST_MS) =>
        new Promise(resolve => {
          const timer = setTimeout(() => resolve(false), ms)
          onText = () => {
            if (!condition()) return
            clearTimeout(timer)
            resolve(true)
          }
          onText()
        })
      await until(() => text.includes('sessionId='))
      const [, id = ''] = /sessionId=([\w-]+)/.exec(text) ?? []
      /** @type {Map<string, number>} */
      const expected = new Map()
      const problems = []
      for (const sent of [INITIALIZE, ...conversation(randomOfCase(seed, index))]) {
        const body = JSON.stringify(sent)
        if (body === undefined) continue
        const event = urlEvent({
          method: 'POST',
          path: '/message',
          query: `sessionId=${id}`,
          headers: { 'content-type': 'application/json' },
          body,
        })
        const response = await handlers.mcp(event)
        problems.push(...checkResponse(event, body, response))
        if (response.status !== 202 || !isAnswered(sent)) continue
        const key = JSON.stringify(sent.id)
        expected.set(key, (expected.get(key) ?? 0) + 1)
      }
      const isAnsweredOnce = () =>
        [...expected].every(([key, count]) => countOf(text, key) === count)
      await until(isAnsweredOnce)
      for (const [key, count] of expected) {
        const got = countOf(text, key)
        if (got !== count)
          problems.push(`/message accepted the id ${key.slice(0, 80)} ${count} times, ${got} came`)
      }
      isDone = true
      // The next byte shows the handler that its reader is gone.
      const ping = { jsonrpc: '2.0', id: 'last', method: 'ping' }
      await handlers.mcp(
        urlEvent({
          method: 'POST',
          path: '/message',
          query: `sessionId=${id}`,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(ping),
        }),
      )
      await stream
      return problems
    }

    /** @param {string} protocolVersion */
    async function openSession(protocolVersion) {
      const params = { ...INITIALIZE.params, protocolVersion }
      const { headers, body } = await handlers.mcp(
        urlEvent({
          method: 'POST',
          path: '/mcp',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
          },
          body: JSON.stringify({ ...INITIALIZE, params }),
        }),
      )
      const id = headers['mcp-session-id']
      if (!id) throw new Error(`No session was opened: ${body}`)
      return { id, protocolVersion }
    }

    /** @param {string | undefined} id of a session that was closed */
    async function replace(id) {
      const index = sessions.findIndex(it => it.id === id)
      const old = sessions[index]
      if (old) sessions[index] = await openSession(old.protocolVersion)
    }
  },
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'initialize',
  method: 'initialize',
  params: {
    protocolVersion: '2024-11-05',
    capabilities: {},
    clientInfo: { name: 'fuzz', version: '1' },
  },
}

/**
 * Whether a message is a request, which gets a response.
 *
 * @param {unknown} sent
 * @returns {sent is { id: string | number }}
 */
const isAnswered = sent =>
  typeof sent === 'object' &&
  sent !== null &&
  'method' in sent &&
  'id' in sent &&
  isRequestId(sent.id)

/** @param {UrlEvent} event */
const textOf = ({ body = '', isBase64Encoded }) =>
  isBase64Encoded ? Buffer.from(body, 'base64').toString() : body
