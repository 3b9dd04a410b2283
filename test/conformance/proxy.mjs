import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

/** Of one connection, or fetch's own to write. */
const NOT_PASSED =
  /^(host|connection|keep-alive|transfer-encoding|content-length|expect|upgrade|te)$/
/** Fetch has decoded the body already. */
const NOT_RETURNED = /^(connection|keep-alive|transfer-encoding|content-length|content-encoding)$/

/**
 * Signs what a client sends that cannot: on `http://localhost`, in front of gateways that take turns. All that a
 * browser says of itself passes (`Origin`), and answers stream. A request is read whole, since its hash is
 * part of the signature. `alter` may put another answer in the place of the gateway's.
 */
export async function startProxy({ gateways, region, credentials, alter = answer => answer }) {
  let turn = 0
  const fetch = signedFetch({ region, credentials })
  const server = createServer((request, response) => {
    forward(request, response).catch(error => {
      // The client hung up, or the gateway did: the other side is told in the only way that is left.
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end(String(error))
    })
  })
  // The referee wants the name localhost; a socket on that name could also be an IPv6 one.
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  return { url: `http://localhost:${port}/`, close }

  async function forward(request, response) {
    const hungUp = new AbortController()
    response.once('close', () => hungUp.abort())
    const { method } = request
    const body = method === 'GET' || method === 'HEAD' ? undefined : await buffer(request)
    const signed = await fetch(new URL(request.url, gateways[turn++ % gateways.length]), {
      method,
      headers: passed(request.headers, NOT_PASSED),
      ...(body?.length > 0 && { body }),
      signal: hungUp.signal,
    })
    const answer = await alter(signed)
    response.writeHead(answer.status, passed(Object.fromEntries(answer.headers), NOT_RETURNED))
    response.flushHeaders()
    if (answer.body) await pipeline(Readable.fromWeb(answer.body), response)
    else response.end()
  }

  function close() {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  }
}

const passed = (headers, except) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !except.test(name)))
