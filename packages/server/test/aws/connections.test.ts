import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'

import { type ConnectionLimits, createConnections } from '../../src/aws/connections.ts'
import type { ServiceResponse } from '../../src/aws/service-response.ts'
import { signedRequests } from '../../src/aws/signed-requests.ts'
import { credentials, ourError } from './aws-server.ts'

interface Received {
  text: string
  socket: Socket
  /** Of this connection, from 1. */
  nth: number
}

/** A service that gets each request without a body, and writes what it likes. */
async function startService(
  onRequest: (received: Received) => unknown,
  limits: Partial<ConnectionLimits> = {},
) {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    let nth = 0
    socket.on('data', bytes => onRequest({ text: bytes.toString(), socket, nth: ++nth }))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const { send } = createConnections(endpoint, { connectMs: 2_000, maxSockets: 10, ...limits })
  return { endpoint, sockets, send }
}

const request = (path: string) => `POST ${path} HTTP/1.1\r\ncontent-length: 0\r\n\r\n`
const response = (body: string, headers = '') =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`
const pathOf = ({ text }: Received) => text.split(' ')[1] ?? ''
const NO_BODY = Buffer.alloc(0)
const bodyOf = async (sending: Promise<ServiceResponse>) =>
  (await (await sending).body()).toString()

test('what follows a response is not the response to the next request', async () => {
  const { send, sockets } = await startService(received => {
    const body = pathOf(received)
    received.socket.write(response(body) + (body === '/one' ? response('forged') : ''))
  })
  expect(await bodyOf(send(request('/one'), NO_BODY))).toBe('/one')
  expect(await bodyOf(send(request('/two'), NO_BODY))).toBe('/two')
  expect(sockets).toHaveLength(2)
})

test('a request that waits does not get what follows a response', async () => {
  const { send } = await startService(
    received => {
      const body = pathOf(received)
      received.socket.write(response(body) + (body === '/one' ? response('forged') : ''))
    },
    { maxSockets: 1 },
  )
  const bodies = ['/one', '/two', '/three'].map(path => bodyOf(send(request(path), NO_BODY)))
  expect(await Promise.all(bodies)).toEqual(['/one', '/two', '/three'])
})

test('bytes on an idle connection close it', async () => {
  const { send, sockets } = await startService(received =>
    received.socket.write(response(pathOf(received))),
  )
  await bodyOf(send(request('/one'), NO_BODY))
  const closed = once(sockets[0] as Socket, 'close')
  sockets[0]?.write(response('forged'))
  await closed
  expect(await bodyOf(send(request('/two'), NO_BODY))).toBe('/two')
  expect(sockets).toHaveLength(2)
})

test('a connection that the service closes while it is idle is replaced', async () => {
  const { send, sockets } = await startService(received =>
    received.socket.write(response(pathOf(received))),
  )
  for (const path of ['/one', '/two', '/three']) {
    expect(await bodyOf(send(request(path), NO_BODY))).toBe(path)
    const socket = sockets.at(-1) as Socket
    const closed = once(socket, 'close')
    socket.end()
    await closed
  }
  expect(sockets).toHaveLength(3)
})

test('a connection is used for as long as the service keeps it, less a second', async () => {
  const { send, sockets } = await startService(received =>
    received.socket.write(response('', 'Keep-Alive: timeout=5, max=100\r\n')),
  )
  const first = Date.now()
  const clock = vi.spyOn(Date, 'now')
  onTestFinished(() => clock.mockRestore())
  for (const [seconds, expected] of [
    [0, 1],
    [3.9, 1],
    [7.8, 1],
    [12, 2],
  ] as const) {
    clock.mockReturnValue(first + seconds * 1_000)
    await bodyOf(send(request('/'), NO_BODY))
    expect(sockets, `${seconds} s`).toHaveLength(expected)
  }
})

test.each(['Connection: close\r\n', 'Keep-Alive: timeout=0\r\n', 'Keep-Alive: timeout=1\r\n'])(
  'a response with %j is the last of its connection',
  async headers => {
    const { send, sockets } = await startService(({ socket }) =>
      socket.write(response('x', headers)),
    )
    const clock = vi.spyOn(Date, 'now')
    onTestFinished(() => clock.mockRestore())
    for (let n = 0; n < 3; n++) {
      expect(await bodyOf(send(request('/'), NO_BODY))).toBe('x')
    }
    expect(sockets).toHaveLength(3)
  },
)

test('a response before the end of its request is read, and its connection closed', async () => {
  const large = Buffer.alloc(20 * 1024 * 1024)
  const { send, sockets } = await startService(({ socket, nth }) => {
    if (nth > 1) return
    socket.pause()
    socket.write(response('too large'))
  })
  const head = `POST / HTTP/1.1\r\ncontent-length: ${large.length}\r\n\r\n`
  expect(await bodyOf(send(head, large))).toBe('too large')
  expect(await bodyOf(send(request('/'), NO_BODY))).toBe('too large')
  expect(sockets).toHaveLength(2)
})

test('the connection that was used last is used next', async () => {
  const { send, sockets } = await startService(received => {
    if (received.nth > 1) received.socket.write(response(String(received.socket.remotePort)))
    else waiting.push(() => received.socket.write(response('')))
  })
  const waiting: (() => void)[] = []
  const both = [1, 2].map(() => bodyOf(send(request('/'), NO_BODY)))
  await vi.waitUntil(() => waiting.length === 2)
  for (const [n, respond] of waiting.entries()) {
    respond()
    await both[n]
  }
  const last = String(sockets[1]?.remotePort)
  for (let n = 0; n < 3; n++) expect(await bodyOf(send(request('/'), NO_BODY))).toBe(last)
})

test('a connection that is refused leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { send } = createConnections(new URL('http://127.0.0.1:1'), {
    connectMs: 2_000,
    responseMs: 5_000,
    maxSockets: 1,
  })
  for (let n = 0; n < 2; n++) {
    const error = await ourError(send(request('/'), NO_BODY))
    expect([error.code, error.mayBeDone]).toEqual(['ECONNREFUSED', false])
  }
  // The socket is closed at the end of this turn.
  for (let n = 0; n < 2; n++) await new Promise(resolve => setImmediate(resolve))
  expect(vi.getTimerCount()).toBe(0)
})

test('requests beyond the limit wait, in their order', async () => {
  const arrived: string[] = []
  const { send, sockets } = await startService(
    received => {
      arrived.push(pathOf(received))
      setImmediate(() => received.socket.write(response(pathOf(received))))
    },
    { maxSockets: 2 },
  )
  const paths = Array.from({ length: 7 }, (_, n) => `/${n}`)
  const bodies = await Promise.all(paths.map(path => bodyOf(send(request(path), NO_BODY))))
  expect(bodies).toEqual(paths)
  expect(arrived.slice(2)).toEqual(paths.slice(2))
  expect(sockets).toHaveLength(2)
})

test('a request that waits can be aborted, and is not sent', async () => {
  const arrived: string[] = []
  let goOn = () => {}
  const { send } = await startService(
    received => {
      arrived.push(pathOf(received))
      goOn = () => received.socket.write(response('done'))
    },
    { maxSockets: 1 },
  )
  const first = send(request('/first'), NO_BODY)
  const controller = new AbortController()
  const second = send(request('/second'), NO_BODY, controller.signal)
  const third = send(request('/third'), NO_BODY)
  controller.abort(new Error('enough'))
  await expect(second).rejects.toThrow('enough')
  await vi.waitUntil(() => arrived.length === 1)
  goOn()
  expect(await bodyOf(first)).toBe('done')
  await vi.waitUntil(() => arrived.length === 2)
  goOn()
  expect(await bodyOf(third)).toBe('done')
  expect(arrived).toEqual(['/first', '/third'])
})

test('a connection that breaks makes room for the next request', async () => {
  const { send } = await startService(
    received => {
      if (pathOf(received) === '/one') received.socket.destroy()
      else received.socket.write(response(pathOf(received)))
    },
    { maxSockets: 1 },
  )
  const [one, two] = ['/one', '/two'].map(path => bodyOf(send(request(path), NO_BODY)))
  const error = await ourError(one as Promise<string>)
  expect([error.code, error.mayBeDone]).toEqual(['ECONNRESET', true])
  expect(await two).toBe('/two')
})

test('what is no HTTP is an error, and its connection is closed', async () => {
  const { send, sockets } = await startService(({ socket, nth }) =>
    socket.write(sockets.length === 1 && nth === 1 ? 'SSH-2.0\r\n\r\n' : response('ok')),
  )
  const error = await ourError(send(request('/'), NO_BODY))
  expect([error.name, error.mayBeDone]).toEqual(['InvalidResponse', true])
  expect(await bodyOf(send(request('/'), NO_BODY))).toBe('ok')
  expect(sockets).toHaveLength(2)
})

test('the bytes before a break are read, and then the break', async () => {
  const { send } = await startService(({ socket }) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome'),
  )
  const read: string[] = []
  const reading = (async () => {
    for await (const piece of await send(request('/'), NO_BODY)) read.push(piece.toString())
  })()
  expect((await ourError(reading)).code).toBe('ECONNRESET')
  expect(read).toEqual(['some'])
})

test('a body that nobody reads stays at the service', async () => {
  const total = 64 * 1024 * 1024
  let socket: Socket | undefined
  const { send } = await startService(received => {
    socket = received.socket
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`)
    socket.write(Buffer.alloc(total))
  })
  const unread = await send(request('/'), NO_BODY)
  // What the system keeps for the two sockets arrives, and no more.
  let before = -1
  await vi.waitUntil(
    () => {
      const waiting = socket?.writableLength ?? 0
      const isStill = waiting === before
      before = waiting
      return isStill && waiting > 0
    },
    { interval: 200 },
  )
  expect(before).toBeGreaterThan(total / 2)
  let length = 0
  for await (const piece of unread) length += piece.length
  expect(length).toBe(total)
})

test('a large body that has waited is read as a whole', async () => {
  const large = 'x'.repeat(1024 * 1024)
  const { send, sockets } = await startService(({ socket }) => socket.write(response(large)))
  const unread = await send(request('/'), NO_BODY)
  // So much has come that the connection is paused.
  await vi.waitUntil(() => (sockets[0]?.bytesWritten ?? 0) > 100_000)
  await new Promise(resolve => setImmediate(resolve))
  expect((await unread.body()).toString()).toBe(large)
})

test('a break is told to a listener that comes after it', async () => {
  const { send, sockets } = await startService(({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome'),
  )
  const broken = await send(request('/'), NO_BODY)
  const reading = broken.body()
  sockets[0]?.destroy()
  expect((await ourError(reading)).code).toBe('ECONNRESET')
  const listener = vi.fn()
  broken.whenBroken(listener)
  expect(listener).toHaveBeenCalledTimes(1)
})

test('an iteration that ends early closes the connection', async () => {
  const { send, sockets } = await startService(({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome'),
  )
  for await (const piece of await send(request('/'), NO_BODY)) {
    expect(piece.toString()).toBe('some')
    break
  }
  const [socket] = sockets as [Socket]
  if (!socket.closed) await once(socket, 'close')
})

test.each(['a\r\nx-amz-forged: b', 'a\nb', 'a\0b', 'ü€'])(
  'no header has the value %j',
  async it => {
    const arrived = vi.fn()
    const { endpoint } = await startService(arrived)
    const post = signedRequests(
      { service: 'lambda', region: 'us-east-1', endpoint, credentials: () => credentials },
      { connectMs: 2_000, maxSockets: 1 },
    )
    const posting = post({ path: '/', headers: { 'x-amz-tenant-id': it }, body: NO_BODY })
    await expect(posting).rejects.toThrow('The header x-amz-tenant-id cannot be sent')
    expect(arrived).not.toHaveBeenCalled()
  },
)
