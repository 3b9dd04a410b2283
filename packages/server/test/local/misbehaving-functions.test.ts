import { connect } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { settled, startFixture } from './fixture.ts'
import { startClient } from './lambda-client.ts'
import { get, sign } from './signed-request.ts'

/** Writes bytes to a socket and returns what comes back until it closes, or until we hang up. */
async function talk(base: string, bytes: string, hangUp = false): Promise<string> {
  const socket = connect(Number(new URL(base).port), '127.0.0.1')
  let received = ''
  socket.on('data', chunk => {
    received += chunk
  })
  const closed = new Promise<void>(resolve =>
    socket.once('close', () => resolve()).on('error', () => {}),
  )
  socket.write(bytes)
  if (hangUp) {
    await new Promise(resolve => socket.once('ready', resolve))
    socket.resetAndDestroy()
  }
  await closed
  return received
}

// The tables' server answers every GET.
const REFUSED = /^HTTP\/1.1 4\d\d |healthy: dynamodb/

const HEAD = 'Host: 127.0.0.1\r\nConnection: close\r\n'

describe.each(['mcpUrl', 'registrationUrl', 'lambdaUrl', 'dynamodbUrl'] as const)(
  '%s survives',
  name => {
    test.each<[string, string, RegExp]>([
      ['what is no HTTP', '\0\x01\x02garbage\r\n\r\n', /^HTTP\/1.1 400 /],
      ['a request without a host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', REFUSED],
      ['a path that cannot be decoded', `GET /%E0%A4%A?%=%%& HTTP/1.1\r\n${HEAD}\r\n`, REFUSED],
      ['a path that is none', `GET nothing HTTP/1.1\r\n${HEAD}\r\n`, REFUSED],
      [
        'two lengths',
        `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
        /^HTTP\/1.1 400 /,
      ],
      [
        'a broken chunk',
        `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
        /^HTTP\/1.1 400 |^$/,
      ],
      [
        'an upgrade',
        `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
        REFUSED,
      ],
      [
        'a head that is too large',
        `GET / HTTP/1.1\r\n${HEAD}X: ${'x'.repeat(1_100_000)}\r\n\r\n`,
        /^HTTP\/1.1 431 /,
      ],
      [
        'an authorization of nonsense',
        `GET / HTTP/1.1\r\n${HEAD}Authorization: AWS4-HMAC-SHA256 ,,=,\xff\r\n\r\n`,
        REFUSED,
      ],
    ])('%s', async (_, bytes, answer) => {
      const local = await startFixture()
      expect(await talk(local[name], bytes)).toMatch(answer)
      expect(await get(local.mcpUrl, '/stream')).toMatchObject({ status: 201 })
      expect(local.logs.filter(it => it.level === 'error')).toEqual([])
    })

    test('an upload that breaks off', async () => {
      const local = await startFixture()
      await talk(local[name], `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1000\r\n\r\nhalf`, true)
      expect(await get(local.mcpUrl, '/stream')).toMatchObject({ status: 201 })
      expect(local.logs.filter(it => it.level === 'error')).toEqual([])
    })
  },
)

test('clients that hang up at any moment neither end the gateway nor use up its environments', async () => {
  const local = await startFixture({ concurrency: 2 })
  for (let pause = 0; pause < 60; pause += 4) {
    const raw = await sign(local.mcpUrl, { target: '/ticks?2' })
    const abort = AbortSignal.timeout(pause)
    await fetch(new URL(raw.target, local.mcpUrl), {
      headers: raw.headers as Record<string, string>,
      signal: abort,
    })
      .then(response => response.text())
      .catch(() => {})
  }
  await vi.waitFor(async () =>
    expect(await get(local.mcpUrl, '/stream')).toMatchObject({ status: 201 }),
  )
  expect(local.pids().length).toBeLessThanOrEqual(2)
})

test('a function that talks nonsense to its Runtime API harms only itself', async () => {
  const { invoke, pids } = await startClient()
  expect((await invoke('rude', {})).json()).toEqual([400, 400, 400, 202])
  await settled({ pids })
  expect((await invoke('rude', { exit: true })).json()).toMatchObject({
    errorType: 'Runtime.ExitError',
  })
})
