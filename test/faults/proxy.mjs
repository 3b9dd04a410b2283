import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A request on its way to an emulated AWS service. `operation` is that of DynamoDB, or `Invoke`.
 *
 * @typedef {{ operation: string, body: string, when: 'before' | 'after' }} Call
 */
/**
 * What happens to it: nothing, an error response, a pause in milliseconds, or `cut`, which closes
 * the connection. After a pause the request passes.
 *
 * @typedef {{ status: number, type: string } | { pauseMs: number } | 'cut' | undefined} Fault
 */
/** @typedef {Awaited<ReturnType<typeof startProxy>>} Proxy */

/**
 * A proxy in front of an emulated AWS service. `fault` is asked for each request before it passes,
 * and again when the response has come.
 */
export async function startProxy() {
  const agent = new Agent({ keepAlive: true })
  const proxy = {
    url: '',
    upstream: '',
    fault: /** @type {(call: Call) => Fault | Promise<Fault>} */ (() => undefined),
    async close() {
      server.closeAllConnections()
      agent.destroy()
      await new Promise(closed => server.close(closed))
    },
  }
  const server = createServer(
    (incoming, outgoing) => void pass(incoming, outgoing).catch(() => outgoing.destroy()),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  proxy.url = `http://127.0.0.1:${port}/`
  return proxy

  /**
   * @param {import('node:http').IncomingMessage} incoming
   * @param {import('node:http').ServerResponse} outgoing
   */
  async function pass(incoming, outgoing) {
    const body = await buffer(incoming)
    const { method, url = '/', headers } = incoming
    const operation = String(headers['x-amz-target'] ?? 'Invoke').replace(/^.*\./, '')
    const call = { operation, body: body.toString() }
    if (await isRefused(await proxy.fault({ ...call, when: 'before' }), outgoing)) return
    const forwarded = request(new URL(url, proxy.upstream), { agent, method, headers })
    forwarded.end(body)
    const [response] = await once(forwarded, 'response')
    const content = await buffer(response)
    if (await isRefused(await proxy.fault({ ...call, when: 'after' }), outgoing)) return
    outgoing.writeHead(response.statusCode ?? 500, response.headers).end(content)
  }
}

/**
 * @param {Fault} fault
 * @param {import('node:http').ServerResponse} outgoing
 */
async function isRefused(fault, outgoing) {
  if (fault === undefined) return false
  if (fault === 'cut') {
    outgoing.destroy()
    return true
  }
  if ('pauseMs' in fault) {
    await sleep(fault.pauseMs)
    return false
  }
  const body = { __type: `com.amazonaws.dynamodb.v20120810#${fault.type}`, message: fault.type }
  outgoing.writeHead(fault.status, { 'content-type': 'application/x-amz-json-1.0' })
  outgoing.end(JSON.stringify(body))
  return true
}
