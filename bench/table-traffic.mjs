// What the gateway asks of its tables: a proxy in front of the DynamoDB emulator, which asks for
// the consumed capacity of each request and adds it up.
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { json, text } from 'node:stream/consumers'

/** @typedef {{ reads: number, writes: number, requests: number }} Traffic units, and requests */

const READS = /^(GetItem|BatchGetItem|Query|Scan|TransactGetItems)$/

export async function startTableTraffic() {
  const agent = new Agent({ keepAlive: true })
  const traffic = { reads: 0, writes: 0, requests: 0 }
  let upstream = ''
  const server = createServer(
    (incoming, outgoing) => void pass(incoming, outgoing).catch(() => outgoing.destroy()),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())

  return {
    url: `http://127.0.0.1:${port}/`,
    /** @param {string} url of the emulator */
    to(url) {
      upstream = url
    },
    /** @returns {Traffic} so far */
    read: () => ({ ...traffic }),
    close() {
      server.closeAllConnections()
      server.close()
      agent.destroy()
    },
  }

  /**
   * @param {import('node:http').IncomingMessage} incoming
   * @param {import('node:http').ServerResponse} outgoing
   */
  async function pass(incoming, outgoing) {
    const input = /** @type {{ ConsistentRead?: boolean }} */ (await json(incoming))
    const body = JSON.stringify({ ...input, ReturnConsumedCapacity: 'TOTAL' })
    const operation = String(incoming.headers['x-amz-target']).replace(/^.*\./, '')
    const headers = { ...incoming.headers, 'content-length': String(Buffer.byteLength(body)) }
    const forwarded = request(upstream, { agent, method: 'POST', headers })
    forwarded.end(body)
    const [response] = await once(forwarded, 'response')
    const output = await text(response)
    /** @type {{ CapacityUnits?: number }[]} */
    const consumed = [JSON.parse(output).ConsumedCapacity ?? []].flat()
    const units = consumed.reduce((total, { CapacityUnits = 0 }) => total + CapacityUnits, 0)
    traffic.requests++
    // DynamoDB bills a read that finds nothing, and a write that is refused. The emulator does not.
    if (READS.test(operation)) traffic.reads += Math.max(units, input.ConsistentRead ? 1 : 0.5)
    else traffic.writes += Math.max(units, 1)
    outgoing.writeHead(response.statusCode ?? 500, response.headers).end(output)
  }
}

/**
 * @param {Traffic} before
 * @param {Traffic} after
 * @returns {Traffic}
 */
export const between = (before, after) => ({
  reads: after.reads - before.reads,
  writes: after.writes - before.writes,
  requests: after.requests - before.requests,
})
