import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { onTestFinished } from 'vitest'

/**
 * A proxy in front of an emulated DynamoDB, whose URL it returns. Where `isLost` says so, the
 * request arrives and the connection is cut before the response.
 */
export async function startDynamoEdge(
  upstream: string,
  isLost: (operation: string, body: string) => Promise<boolean> | boolean,
): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    // The emulator may be closed while a request is under way.
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse) {
    const body = await buffer(incoming)
    const { method, url = '/', headers } = incoming
    const passed = request(new URL(url, upstream), { method, headers })
    passed.end(body)
    const [reply] = (await once(passed, 'response')) as [IncomingMessage]
    const content = await buffer(reply)
    const [, operation = ''] = String(headers['x-amz-target']).split('.')
    if (await isLost(operation, body.toString())) return void outgoing.destroy()
    outgoing.writeHead(reply.statusCode ?? 500, reply.headers).end(content)
  }
}
