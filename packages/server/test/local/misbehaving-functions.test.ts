import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { allFrozen, eventually, sharedFixture, startFixture } from './fixture.ts'
import { startClient } from './lambda-client.ts'
import { get, sign } from './signed-request.ts'

/** Writes bytes to a socket. Resolves with the received text when the socket is closed. */
async function talk(base: string, bytes: string, disconnect = false): Promise<string> {
  const socket = connect(Number(new URL(base).port), '127.0.0.1')
  let received = ''
  socket.on('data', chunk => {
    received += chunk
  })
  const closed = new Promise<void>(resolve =>
    socket.once('close', () => resolve()).on('error', () => {}),
  )
  socket.write(bytes)
  if (disconnect) {
    await new Promise(resolve => socket.once('ready', resolve))
    socket.resetAndDestroy()
  }
  await closed
  return received
}

// The DynamoDB emulator responds to every GET.
const REFUSED = /^HTTP\/1.1 4\d\d |healthy: dynamodb/

const HEAD = 'Host: 127.0.0.1\r\nConnection: close\r\n'

describe.each(['mcpUrl', 'registrationUrl', 'lambdaUrl', 'dynamodbUrl'] as const)(
  '%s survives',
  name => {
    test.each<[string, string, RegExp]>([
      ['bytes that are not HTTP', '\0\x01\x02garbage\r\n\r\n', /^HTTP\/1.1 400 /],
      ['a request without a host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', REFUSED],
      [
        'a path with malformed percent-encoding',
        `GET /%E0%A4%A?%=%%& HTTP/1.1\r\n${HEAD}\r\n`,
        REFUSED,
      ],
      ['a path without a slash', `GET nothing HTTP/1.1\r\n${HEAD}\r\n`, REFUSED],
      [
        'two Content-Length headers',
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
        'headers that are too large',
        `GET / HTTP/1.1\r\n${HEAD}X: ${'x'.repeat(1_100_000)}\r\n\r\n`,
        /^HTTP\/1.1 431 /,
      ],
      [
        'a malformed Authorization header',
        `GET / HTTP/1.1\r\n${HEAD}Authorization: AWS4-HMAC-SHA256 ,,=,\xff\r\n\r\n`,
        REFUSED,
      ],
    ])('%s', async (_, bytes, response) => {
      const local = await sharedFixture()
      expect(await talk(local[name], bytes)).toMatch(response)
      expect(await get(local.mcpUrl, '/stream')).toMatchObject({ status: 201 })
      expect(local.logs.filter(it => it.level === 'error')).toEqual([])
    })

    test('an upload that is aborted', async () => {
      const local = await sharedFixture()
      await talk(local[name], `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1000\r\n\r\nhalf`, true)
      expect(await get(local.mcpUrl, '/stream')).toMatchObject({ status: 201 })
      expect(local.logs.filter(it => it.level === 'error')).toEqual([])
    })
  },
)

test('clients that disconnect at any moment leave the execution environments usable', async () => {
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
  await eventually(async () =>
    expect(await get(local.mcpUrl, '/stream')).toMatchObject({ status: 201 }),
  )
  expect(local.pids().length).toBeLessThanOrEqual(2)
})

test('invalid requests of a function to its Runtime API harm only that function', async () => {
  const { invoke, pids } = await startClient()
  expect((await invoke('rude', {})).json()).toEqual([400, 400, 400, 202])
  await allFrozen({ pids })
  expect((await invoke('rude', { exit: true })).json()).toMatchObject({
    errorType: 'Runtime.ExitError',
  })
})
