// Official clients over our transports, which count what comes for each of their calls.
import { randomUUID } from 'node:crypto'
import { SigV4SseTransport, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client as ClientV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'

/** @typedef {import('../faults/gateway.mjs').Gateway} Gateway */
/** @typedef {'1.x' | '2.x'} Sdk */
/** @typedef {'/sse' | '/mcp 2025-11-25' | '/mcp 2026-07-28'} Endpoint */
/**
 * @typedef {{ calls: number, results: number, errors: number, lost: number, twice: number, hung:
 * number, onerror: number, closed: number, p50: number, p99: number, reasons: string }} Counts
 */

/** A call that takes so long hangs: no fault and no queue lasts for half of it. */
const HUNG_MS = 120_000
const INFO = { name: 'chaos', version: '1' }

/**
 * @param {Gateway} gateway
 * @param {{ url: string, sdk: Sdk, endpoint: Endpoint }} options
 */
export async function connectClient(gateway, { url, sdk, endpoint }) {
  const { region, credentials, log } = gateway
  const Transport = endpoint === '/sse' ? SigV4SseTransport : SigV4StreamableHttpTransport
  const transport = new Transport(url, { region, credentials })
  const isStateless = endpoint === '/mcp 2026-07-28'
  const client =
    sdk === '1.x'
      ? new ClientV1(INFO)
      : new ClientV2(INFO, {
          ...(isStateless && { versionNegotiation: { mode: { pin: '2026-07-28' } } }),
        })
  let onerror = 0
  let closed = 0
  /** @type {Map<string, number>} */
  const reasons = new Map()
  const note = (/** @type {unknown} */ error) => {
    const text = String(error).slice(0, 130)
    reasons.set(text, (reasons.get(text) ?? 0) + 1)
  }
  client.onerror = error => {
    onerror += 1
    note(`onerror: ${error}`)
  }
  client.onclose = () => {
    closed += 1
  }
  await client.connect(/** @type {any} */ (transport))
  /** @type {Map<string, 'result' | 'error' | 'hung'>} */
  const outcomes = new Map()
  /** @type {number[]} */
  const times = []
  return { call, close: () => client.close(), counts }

  /** @param {number} ms that the function takes */
  async function call(ms) {
    const id = randomUUID()
    const params = { name: 'note', arguments: { id, log, ms } }
    const begun = performance.now()
    try {
      const result = await (client instanceof ClientV1
        ? client.callTool(params, undefined, { timeout: HUNG_MS })
        : client.callTool(params, { timeout: HUNG_MS }))
      const [content] = /** @type {{ text?: string }[]} */ (result.content)
      if (!content?.text?.startsWith(id)) throw new Error(`No result: ${content?.text}`)
      outcomes.set(id, 'result')
      times.push(performance.now() - begun)
    } catch (error) {
      const isHung = performance.now() - begun >= HUNG_MS
      outcomes.set(id, isHung ? 'hung' : 'error')
      note(error)
    }
  }

  /** @returns {Counts} */
  function counts() {
    const runs = gateway.runs()
    const all = [...outcomes]
    const are = (/** @type {string} */ kind) => all.filter(([, it]) => it === kind).length
    const sorted = times.toSorted((a, b) => a - b)
    const percentile = (/** @type {number} */ part) =>
      Math.round(sorted[Math.floor(sorted.length * part)] ?? 0)
    return {
      calls: all.length,
      results: are('result'),
      errors: are('error'),
      lost: all.filter(([id, it]) => it === 'result' && !runs.has(id)).length,
      twice: all.filter(([id]) => (runs.get(id) ?? 0) > 1).length,
      hung: are('hung'),
      onerror,
      closed,
      p50: percentile(0.5),
      p99: percentile(0.99),
      reasons: [...reasons].map(([reason, count]) => `${count} × ${reason}`).join('; '),
    }
  }
}
