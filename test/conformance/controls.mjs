import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

/**
 * Faults that the gates must notice, each made outside of the gateway: in what it reads from its tables, or in what
 * the proxy returns. With each, which scenarios then still pass.
 */
export const controls = [
  {
    name: 'every environment signs the requestState with a key of its own',
    revision: '2026-07-28',
    expected: { passed: 34 },
    answer: (body, real) =>
      body.includes('"request-state"')
        ? JSON.stringify({ Item: { secret: { S: crypto.randomUUID() } } })
        : real(),
  },
  {
    name: 'no environment learns what another one changed',
    revision: '2026-07-28',
    expected: { passed: 37, warnings: 2 },
    answer: (body, real) =>
      body.includes('"#catalogue"') && !body.includes('UpdateExpression')
        ? JSON.stringify({ Item: { changes: { N: '1' } } })
        : real(),
  },
  {
    name: 'answers are buffered whole',
    revision: '2026-07-28',
    expected: { passed: 36 },
    alter: async answer => new Response(await answer.arrayBuffer(), answer),
  },
  {
    name: 'there are no sessions',
    revision: '2025-11-25',
    // The four scenarios that ask the client, and the two that subscribe.
    expected: { passed: 24 },
    alter: answer => {
      const headers = new Headers(answer.headers)
      headers.delete('mcp-session-id')
      return new Response(answer.body, { status: answer.status, headers })
    },
  },
]

/** Stands in front of the tables, on loopback, and lets `answer` decide what comes back. */
export async function startTablesProxy(answer) {
  let tables
  const server = createServer(async (request, response) => {
    try {
      const body = await text(request)
      const { host: _, 'content-length': __, connection: ___, ...headers } = request.headers
      let status = 200
      const real = async () => {
        const reply = await fetch(tables, { method: 'POST', headers, body })
        status = reply.status
        return reply.text()
      }
      const json = await answer(body, real)
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(json)
    } catch {
      // As the tables would, when they end before the gateway does.
      response.destroy()
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    /** Where the real ones are, which is known after the gateway has started. */
    to: url => {
      tables = url
    },
    close() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(resolve))
    },
  }
}
