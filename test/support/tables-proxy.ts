import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

interface TableRequest {
  /** As `GetItem`. */
  operation: string
  input: Record<string, unknown>
}

/** Records what the gateway's functions ask of the tables. Set `upstream` before the first one. */
export async function startTablesProxy() {
  const requests: TableRequest[] = []
  let upstream = ''
  const server = createServer((incoming, outgoing) => {
    // The gateway, or its tables, may be closed while a request is under way.
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  }).listen(0, '127.0.0.1')

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse) {
    const body = await buffer(incoming)
    const operation = String(incoming.headers['x-amz-target']).split('.').pop() ?? ''
    requests.push({ operation, input: JSON.parse(body.toString()) })
    const { method, url, headers } = incoming
    const passed = request(new URL(url ?? '/', upstream), { method, headers })
    passed.end(body)
    const [answer] = (await once(passed, 'response')) as [IncomingMessage]
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(await buffer(answer))
  }

  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    to(url: string) {
      upstream = url
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
