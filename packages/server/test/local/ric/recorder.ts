import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'

/** A TCP proxy in front of `target` that keeps what clients send, one text of bytes per connection. */
export async function startRecorder(target: string) {
  const [host, port] = target.split(':')
  const connections: string[] = []

  const server = createServer(client => {
    const index = connections.push('') - 1
    const upstream = connect(Number(port), host)
    client.on('data', (chunk: Buffer) => {
      connections[index] += chunk.toString('latin1')
    })
    client.pipe(upstream).pipe(client)
    // One side going away ends the other; there is nothing else to do about it.
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** What was sent since the last time. */
    take: () => connections.map((_, i) => connections.splice(i, 1, '')[0] ?? '').join(''),
    close: () => void server.close(),
  }
}
