import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'

/** A TCP proxy in front of `target`. It records the bytes that clients send, per connection. */
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
    // A closed or failed side ends the other one.
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** The bytes since the last call. */
    take: () => connections.map((_, i) => connections.splice(i, 1, '')[0] ?? '').join(''),
    close: () => void server.close(),
  }
}
