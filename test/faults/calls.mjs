// Clients that count what comes for each of their calls.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { SigV4SseTransport, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'

/** @typedef {import('./gateway.mjs').Gateway} Gateway */
/** @typedef {import('@markvp/mcp-lambda-sam-client').JsonRpcMessage} JsonRpcMessage */
/**
 * @typedef {{ calls: number, results: number, errors: number, lost: number, doubled: number,
 * hung: number, reasons?: string }} Counts `reasons` of the errors
 */

export const ENDPOINTS = /** @type {const} */ (['/sse', '/mcp 2025-11-25', '/mcp 2026-07-28'])
/** @typedef {typeof ENDPOINTS[number]} Endpoint */

/** A client gives up here. No fault and no queue lasts so long, on a busy machine either. */
const HUNG_MS = 240_000
const MAX_ATTEMPTS = 60
const RETRY_MS = 1_000

/** @param {Gateway} gateway */
export function createLedger(gateway) {
  /** @type {Map<string, { results: number, errors: number, isHung: boolean }>} */
  const calls = new Map()
  /** How often a call failed for which reason. @type {Map<string, number>} */
  const reasons = new Map()
  return { connect, counts }

  /**
   * Connects as soon as the gateway has room: it has so many environments, as an account has on
   * AWS, and streams whose clients are gone hold theirs for a while.
   *
   * @param {Endpoint} endpoint
   */
  async function connect(endpoint) {
    for (let n = 0; ; n++)
      try {
        return await open(endpoint)
      } catch (error) {
        const { code } = /** @type {{ code?: string }} */ (error)
        if (code !== 'rate_limited' || n === MAX_ATTEMPTS) throw error
        await sleep(RETRY_MS)
      }
  }

  /**
   * A client of ours. A call resolves when it has a result or an error, or counts as hung.
   *
   * @param {Endpoint} endpoint
   */
  async function open(endpoint) {
    const { mcpUrl, region, credentials } = gateway
    const Transport = endpoint === '/sse' ? SigV4SseTransport : SigV4StreamableHttpTransport
    const transport = new Transport(mcpUrl, { region, credentials })
    const isStateless = endpoint.endsWith('2026-07-28')
    /** @type {Map<unknown, (message: JsonRpcMessage) => void>} */
    const listeners = new Map()
    transport.onmessage = message => {
      if (message.method === undefined) listeners.get(message.id)?.(message)
      else if (message.method === 'ping')
        void transport.send({ jsonrpc: '2.0', id: message.id, result: {} }).catch(() => {})
    }
    transport.onerror = () => {}
    try {
      await transport.start()
      if (!isStateless) await initialize()
    } catch (error) {
      await transport.close()
      throw error
    }
    return { call, close: () => transport.close() }

    async function initialize() {
      const params = {
        protocolVersion: endpoint === '/sse' ? '2024-11-05' : '2025-11-25',
        capabilities: {},
        clientInfo: CLIENT_INFO,
      }
      const { error } = await request('initialize', 'initialize', params)
      if (error) throw new Error(`Not connected: ${JSON.stringify(error)}`)
      transport.setProtocolVersion(params.protocolVersion)
      await transport.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    }

    /**
     * @param {string} id
     * @param {string} method
     * @param {object} params
     * @returns {Promise<JsonRpcMessage>}
     */
    function request(id, method, params) {
      return new Promise((resolve, reject) => {
        listeners.set(id, resolve)
        transport.send({ jsonrpc: '2.0', id, method, params }).catch(reject)
      })
    }

    /** @param {{ ms?: number, size?: number }} [work] */
    async function call(work = {}) {
      const id = randomUUID()
      const entry = { results: 0, errors: 0, isHung: false }
      calls.set(id, entry)
      const params = {
        name: 'note',
        arguments: { id, log: gateway.log, ...work },
        ...(isStateless && { _meta: META }),
      }
      /** @type {NodeJS.Timeout | undefined} */
      let timer
      await new Promise(resolve => {
        timer = setTimeout(() => {
          entry.isHung = true
          resolve(undefined)
        }, HUNG_MS)
        const fail = (/** @type {unknown} */ reason) => {
          entry.errors += 1
          const text = String(reason).slice(0, 60)
          reasons.set(text, (reasons.get(text) ?? 0) + 1)
          resolve(undefined)
        }
        listeners.set(id, ({ result, error }) => {
          if (error) return fail(JSON.stringify(error))
          if (hasFailed(result)) return fail(/** @type {any} */ (result).content?.[0]?.text)
          entry.results += 1
          resolve(undefined)
        })
        transport
          .send({ jsonrpc: '2.0', id, method: 'tools/call', params })
          .catch(error => fail(error.code ?? error))
      })
      clearTimeout(timer)
      return entry.results > 0
    }
  }

  /** @returns {Counts} */
  function counts() {
    const runs = gateway.runs()
    const all = [...calls]
    /**
     * @param {(entry: { results: number, errors: number, isHung: boolean }, id: string) =>
     * boolean} is
     */
    const count = is => all.filter(([id, entry]) => is(entry, id)).length
    return {
      calls: all.length,
      results: count(it => it.results > 0),
      errors: count(it => it.errors > 0),
      // A result for a call that did not run would be lost work, too.
      lost: count((it, id) => it.results > 0 && !runs.has(id)),
      doubled: count((it, id) => it.results + it.errors > 1 || (runs.get(id) ?? 0) > 1),
      hung: count(it => it.isHung),
      reasons: [...reasons].map(([reason, count]) => `${count} × ${reason}`).join(', '),
    }
  }
}

const CLIENT_INFO = { name: 'faults', version: '1' }
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** @param {unknown} result */
const hasFailed = result =>
  typeof result === 'object' && result !== null && 'isError' in result && result.isError === true
