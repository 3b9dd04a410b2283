import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

import { close as closeServer, listen, passed } from './server.mjs'

/** Headers of one connection, and headers that fetch writes itself. */
const NOT_PASSED =
  /^(host|connection|keep-alive|transfer-encoding|content-length|expect|upgrade|te)$/
/** Headers of one connection, and of the body's encoding: fetch has decoded the body. */
const NOT_RETURNED = /^(connection|keep-alive|transfer-encoding|content-length|content-encoding)$/

/**
 * Signs the requests of a client that cannot sign. It listens on `http://localhost` and sends the
 * requests to the gateways in turn. The headers of a browser pass (`Origin`), and responses
 * stream. A request is read whole, because the signature contains its hash. `alter` may replace
 * the gateway's response.
 *
 * @param {{
 *   gateways: string[],
 *   region: string,
 *   credentials: import('@markvp/mcp-lambda-sam-client/sigv4').Credentials,
 *   alter?: import('./controls.mjs').Alter | undefined,
 * }} options
 */
export async function startProxy({ gateways, region, credentials, alter = it => it }) {
  let turn = 0
  const fetch = signedFetch({ region, credentials })
  const server = createServer((request, response) => {
    forward(request, response).catch(error => {
      // The client or the gateway has closed its connection, so the other connection is closed too.
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end(String(error))
    })
  })
  // The suite requires the name localhost. A server that listens on that name could be on IPv6.
  const port = await listen(server)
  return { url: `http://localhost:${port}/`, close: () => closeServer(server) }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async function forward(request, response) {
    const hungUp = new AbortController()
    response.once('close', () => hungUp.abort())
    const { method = 'GET', url = '/' } = request
    const body = method === 'GET' || method === 'HEAD' ? undefined : await buffer(request)
    const signed = await fetch(new URL(url, gateways[turn++ % gateways.length]), {
      method,
      headers: passed(request.headers, name => !NOT_PASSED.test(name)),
      ...(body && body.length > 0 && { body }),
      signal: hungUp.signal,
    })
    const { status, headers, body: stream } = await alter(signed)
    response.writeHead(
      status,
      passed(Object.fromEntries(headers), name => !NOT_RETURNED.test(name)),
    )
    response.flushHeaders()
    if (stream) await pipeline(stream, response)
    else response.end()
  }
}
