import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'

import { lambdaApi } from '../../src/aws/lambda-api.ts'
import { credentials, ourError } from './aws-server.ts'

afterEach(() => void vi.unstubAllEnvs())

/** A server with a certificate of its own, and the client for it. */
async function startHttps({ keepsAlive = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'https-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes']
  const files = ['-keyout', keyFile, '-out', certFile]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, ...files], {
    stdio: 'ignore',
  })
  const sockets = new Set<object>()
  /** The name that was asked for, and whether an earlier session goes on. */
  const sessions: unknown[] = []
  const server = createServer(
    { key: readFileSync(keyFile), cert: readFileSync(certFile) },
    (request, response) => {
      sockets.add(request.socket)
      const socket = request.socket as TLSSocket & { servername?: string | false }
      sessions.push([socket.servername, socket.isSessionReused()])
      if (!keepsAlive) response.setHeader('connection', 'close')
      response.end(request.headers.host)
    },
  ).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server, 'listening')
  const endpoint = new URL(`https://localhost:${(server.address() as AddressInfo).port}`)
  return { endpoint, sockets, sessions, invoke: invoker(endpoint) }
}

function invoker(endpoint: URL) {
  const lambda = lambdaApi({
    service: 'lambda',
    region: 'us-east-1',
    endpoint,
    credentials: () => credentials,
  })
  const { signal } = new AbortController()
  return () => lambda.invoke({ functionName: 'x', payload: Buffer.from('{}') }, signal)
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

test.runIf(hasOpenssl)('requests over TLS share a socket', async () => {
  const { endpoint, sockets, invoke } = await startHttps()
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  for (let n = 0; n < 3; n++) expect((await invoke()).payload.toString()).toBe(endpoint.host)
  expect(sockets.size).toBe(1)
})

test.runIf(hasOpenssl)(
  'a second connection goes on with the TLS session of the first',
  async () => {
    const { sessions, invoke } = await startHttps({ keepsAlive: false })
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    for (let n = 0; n < 3; n++) await invoke()
    const goesOn = ['localhost', true]
    expect(sessions).toEqual([['localhost', false], goesOn, goesOn])
  },
)

test.runIf(hasOpenssl)('a server with a certificate that nobody signed gets nothing', async () => {
  const { sockets, invoke } = await startHttps()
  expect((await ourError(invoke())).code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  expect(sockets.size).toBe(0)
})

test('a call whose connection gets no TLS is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const server = createTcpServer(socket => {
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => {})
      vi.advanceTimersByTime(5_000)
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const calling = invoker(new URL(`https://127.0.0.1:${port}`))()
    expect((await ourError(calling)).message).toContain('did not connect within 5000 milliseconds')
  } finally {
    vi.useRealTimers()
  }
})
