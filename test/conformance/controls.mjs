import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

import { close as closeServer, listen, passed } from './server.mjs'

/**
 * A fault that the gates must notice. It is made outside of the gateway: `respond` changes what
 * the gateway reads from its tables, `alter` what the proxy returns. `expected` is the score with
 * the fault.
 *
 * @typedef {object} Control
 * @property {string} name
 * @property {string} version the protocol version that is tested
 * @property {Partial<ReturnType<typeof import('./report.mjs').score>>} expected
 * @property {Respond} [respond]
 * @property {Alter} [alter]
 */

/**
 * Returns the body of a table's response. `real` resolves with the body of the real one.
 *
 * @typedef {(body: string, real: () => Promise<string>) => string | Promise<string>} Respond
 * @typedef {(response: Response) => Response | Promise<Response>} Alter
 */

/** @type {Control[]} */
export const controls = [
  {
    name: 'every environment signs the request state with its own key',
    version: '2026-07-28',
    expected: { passed: 30 },
    respond: (body, real) =>
      body.includes('"request-state"')
        ? JSON.stringify({ Item: { secret: { S: crypto.randomUUID() } } })
        : real(),
  },
  {
    name: 'no environment sees the changes of another one',
    version: '2026-07-28',
    expected: { passed: 37, warnings: 2 },
    respond: (body, real) =>
      body.includes('"#catalogue"') && !body.includes('UpdateExpression')
        ? JSON.stringify({ Item: { changes: { N: '1' } } })
        : real(),
  },
  {
    name: 'responses are buffered whole',
    version: '2026-07-28',
    expected: { passed: 36 },
    alter: async response => new Response(await response.arrayBuffer(), response),
  },
  {
    name: 'there are no sessions',
    version: '2025-11-25',
    // The four scenarios that ask the client fail, and the two that subscribe.
    expected: { passed: 24 },
    alter: ({ body, status, headers: original }) => {
      const headers = new Headers(original)
      headers.delete('mcp-session-id')
      return new Response(body, { status, headers })
    },
  },
]

/**
 * Starts a proxy in front of the tables, on loopback. `respond` decides the body of each response.
 *
 * @param {Respond} respond
 */
export async function startTablesProxy(respond) {
  let tables = ''
  const server = createServer(async (request, response) => {
    try {
      const body = await text(request)
      const dropped = ['host', 'content-length', 'connection']
      const headers = passed(request.headers, name => !dropped.includes(name))
      let status = 200
      const real = async () => {
        const reply = await fetch(tables, { method: 'POST', headers, body })
        status = reply.status
        return reply.text()
      }
      const json = await respond(body, real)
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(json)
    } catch {
      // The tables do the same when they end before the gateway.
      response.destroy()
    }
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}/`,
    /**
     * Sets the URL of the real tables, which is known after the gateway has started.
     *
     * @param {string} url
     */
    to: url => {
      tables = url
    },
    close: () => closeServer(server),
  }
}
