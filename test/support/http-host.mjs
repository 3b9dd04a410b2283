// The built mcp function behind a plain HTTP server: many requests at once in one process. The
// header "caller" names the IAM user. Prints the port.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

import { startHandlers, urlEvent } from '../fuzz/gateway.mjs'

const [dist = ''] = process.argv.slice(2)
const { mcp } = await startHandlers(dist)

const server = createServer(async (request, response) => {
  const { method = '', url = '', headers } = request
  const [path = '', query = ''] = url.split('?')
  const { caller } = headers
  const {
    status,
    headers: sent,
    body,
  } = await mcp(
    urlEvent({
      method,
      path,
      query,
      headers: /** @type {Record<string, string>} */ (headers),
      body: await text(request),
      caller: String(caller),
    }),
    { remainingMs: 60_000 },
  )
  response.writeHead(status, sent).end(body)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' && address?.port}\n`)
})
