import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { buffer } from 'node:stream/consumers'

/**
 * What the network does: it cuts streams after so many milliseconds, and it loses a part of the
 * messages (half of them before the gateway has them, half of them with the response) and refuses a
 * part of the streams.
 *
 * @typedef {{ cutMs?: [number, number], lost?: number, refused?: number }} Weather
 */
/** @typedef {Awaited<ReturnType<typeof startNetwork>>} Network */

/**
 * A bad network between clients and the gateway at `upstream`. The gateway does not notice that a
 * client is cut off, as Lambda does not.
 *
 * @param {string} upstream
 */
export async function startNetwork(upstream) {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  const network = {
    url: '',
    weather: /** @type {Weather} */ ({}),
    counts: { cuts: 0, lost: 0, refused: 0 },
    async close() {
      server.closeAllConnections()
      agent.destroy()
      await new Promise(closed => server.close(closed))
    },
  }
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  network.url = `http://127.0.0.1:${port}/`
  return network

  /**
   * @param {import('node:http').IncomingMessage} incoming
   * @param {import('node:http').ServerResponse} outgoing
   */
  async function pass(incoming, outgoing) {
    const { method, url = '/', headers } = incoming
    const { lost = 0, refused = 0, cutMs } = network.weather
    const body = await buffer(incoming)
    if (method === 'GET' && Math.random() < refused) {
      network.counts.refused += 1
      const status = Math.random() < 0.5 ? 429 : 502
      outgoing.writeHead(status, { 'content-type': 'application/json' })
      return outgoing.end('{"Message":"chaos"}')
    }
    const isLost = method === 'POST' && Math.random() < lost
    if (isLost) network.counts.lost += 1
    if (isLost && Math.random() < 0.5) return outgoing.destroy()
    const forwarded = request(new URL(url, upstream), { agent, method, headers })
    forwarded.end(body)
    const [response] = await once(forwarded, 'response')
    response.on('error', () => outgoing.destroy())
    if (isLost) {
      response.resume()
      return outgoing.destroy()
    }
    outgoing.writeHead(response.statusCode ?? 500, response.headers)
    const isStream = String(response.headers['content-type']).startsWith('text/event-stream')
    let isCut = false
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    response.on('data', (/** @type {Buffer} */ chunk) => {
      if (isCut) return
      outgoing.write(chunk)
      // From the first event on: a busy machine may take longer than this to write it.
      if (isStream && cutMs) timer ??= setTimeout(cut, between(cutMs))
    })
    outgoing.once('close', () => clearTimeout(timer))
    response.once('close', () => {
      if (!isCut && response.complete) outgoing.end()
      else outgoing.destroy()
    })

    function cut() {
      isCut = true
      network.counts.cuts += 1
      outgoing.destroy()
    }
  }
}

/** @param {[number, number]} range */
export const between = ([from, to]) => Math.round(from + Math.random() * (to - from))
