import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import {
  agentMonday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
  stranger,
} from './support/gateway.ts'
import { sessionTable } from './support/session-table.ts'
import { initialize, initialized, openRaw, postRaw } from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { ms: 'number', file: 'string?', log: 'string?', text: 'string?' },
  })
})
afterAll(() => gateway.close())

/** As a client that announces resumption. */
const open = (lastEventId?: string, credentials?: Credentials) =>
  openRaw(gateway, credentials, {
    'mcp-resume': '1',
    ...(lastEventId && { 'last-event-id': lastEventId }),
  })
const lastId = (text: string) => [...text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
const call = (id: string | number, args: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'wait', arguments: { ms: 0, ...args } },
})

async function openInitialized() {
  const stream = await open()
  await postRaw(gateway, stream.endpoint, initialize)
  await stream.read(/"serverInfo"/)
  await postRaw(gateway, stream.endpoint, initialized)
  return stream
}

test('a plain client gets no session that can be resumed', async () => {
  const stream = await openRaw(gateway, undefined, { 'last-event-id': `r-${'x'.repeat(24)}.1-0` })
  expect(stream.response.status).toBe(200)
  expect(stream.response.headers.get('mcp-resume')).toBeNull()
  expect(stream.text()).toMatch(/^id: [\w-]{24}\.0\nretry: 1000\nevent: endpoint\n/)
  await stream.close()
})

test('a call that runs while its client is away is answered on the next stream, in another environment', async () => {
  const go = join(tmpdir(), randomUUID())
  const stream = await openInitialized()
  expect(stream.response.headers.get('mcp-resume')).toBe('1')
  await postRaw(gateway, stream.endpoint, call('long', { file: go }))
  await postRaw(gateway, stream.endpoint, { jsonrpc: '2.0', id: 'ping', method: 'ping' })
  await stream.read(/"id":"ping"/) // so the call has been taken, too
  await stream.close()

  const next = await open(lastId(stream.text()))
  expect(next.endpoint).toBe(stream.endpoint)
  writeFileSync(go, '')
  await postRaw(gateway, next.endpoint, call('new'))
  await next.read(/"id":"long"/)
  await next.read(/"id":"new"/)
  expect(next.text()).not.toContain('serverInfo')
  const served = gateway.invocations.filter(it => it.path === '/sse').slice(-2)
  expect(new Set(served.map(it => it.pid)).size).toBe(2)
  await next.close()
})

test('a stream that a newer one replaces ends, and the newer one takes the messages', async () => {
  const stream = await openInitialized()
  const next = await open(lastId(stream.text()))
  expect(await stream.ended()).toMatch(/event: bye\ndata: \{"reason":"superseded"\}/)
  await postRaw(gateway, next.endpoint, call('after'))
  await next.read(/"id":"after"/)
  await next.close()
})

test('messages that come while there is no stream run in order', async () => {
  const stream = await openInitialized()
  await stream.close()
  for (const id of ['a', 'b', 'c'])
    expect((await postRaw(gateway, stream.endpoint, call(id))).status).toBe(202)
  const next = await open(lastId(stream.text()))
  for (const id of ['a', 'b', 'c']) await next.read(new RegExp(`"id":"${id}"`))
  await next.close()
})

test('a request that is posted again runs once, and its id cannot be used for another', async () => {
  const log = join(tmpdir(), randomUUID())
  const stream = await openInitialized()
  const post = (message: object) => postRaw(gateway, stream.endpoint, message)
  const twice = [post(call(7, { log })), post(call(7, { log }))]
  expect((await Promise.all(twice)).map(it => it.status)).toEqual([202, 202])
  await stream.read(/"id":7/)
  expect((await post(call(7, { log }))).status).toBe(202)
  const refused = await post(call(7, { text: 'another' }))
  expect([refused.status, await refused.json()]).toMatchObject([
    409,
    { error: { code: 'conflict' } },
  ])
  // "7" is another id.
  expect((await post(call('7', { log }))).status).toBe(202)
  await stream.read(/"id":"7"/)
  expect(stream.text().match(/"id":7\b/g)).toHaveLength(1)
  await stream.close()
})

test('a request that is settled does not run again, on the next stream either', async () => {
  const log = join(tmpdir(), randomUUID())
  const stream = await openInitialized()
  const post = (id: number, place: string) =>
    postRaw(gateway, stream.endpoint, call(id, { log }), undefined, { 'mcp-resume': place })
  for (const id of [1, 2, 3]) {
    expect((await post(id + 10, `${id}; settled=${id - 1}`)).status).toBe(202)
    await stream.read(new RegExp(`"id":${id + 10}`))
  }
  const next = await open(lastId(stream.text()))
  const late = await post(11, '1; settled=0')
  expect([late.status, await late.json()]).toMatchObject([409, { error: { code: 'conflict' } }])
  expect((await post(13, '3; settled=2')).status).toBe(202)
  expect((await post(14, '4; settled=3')).status).toBe(202)
  await next.read(/"id":14/)
  expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(4)
  await next.close()
})

test.each(['', '1; settled=1', '0; settled=0', '2;settled=x', '-1; settled=-2', '1'.repeat(20)])(
  'the number of a post cannot be %j',
  async place => {
    const stream = await openInitialized()
    const headers = { 'mcp-resume': place }
    const refused = await postRaw(gateway, stream.endpoint, call('n'), undefined, headers)
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining('17; settled=16'),
    ])
    await stream.close()
  },
)

test('the id of a request has 200 bytes at the most', async () => {
  const stream = await openInitialized()
  const post = async (id: string) => (await postRaw(gateway, stream.endpoint, call(id))).status
  expect([await post('é'.repeat(99)), await post('é'.repeat(100))]).toEqual([202, 400])
  await stream.close()
})

test('a stream that cannot pass on what earlier ones have sent ends', async () => {
  const stream = await openInitialized()
  await stream.close()
  const session = stream.endpoint.replace(/.*=/, '')
  await (await sessionTable(gateway)).put({
    channel: { S: `mcp#${session}#1` },
    position: { S: 'out#000000000900' },
    message: { B: Buffer.from('no JSON').toString('base64') },
  })
  const next = await open(lastId(stream.text()))
  expect(next.endpoint).toBe(stream.endpoint)
  expect(await next.ended()).not.toContain('event: bye')
})

test('a session that its client ends takes no more messages, and its stream ends', async () => {
  const stream = await openInitialized()
  const url = new URL(stream.endpoint, gateway.mcpUrl)
  const end = (credentials?: Credentials) => gateway.fetch(credentials)(url, { method: 'DELETE' })
  expect((await end(stranger)).status).toBe(404)
  expect((await end()).status).toBe(204)
  await stream.ended()
  expect((await postRaw(gateway, stream.endpoint, call(1))).status).toBe(404)
  expect((await end()).status).toBe(404)
})

test('the session of another caller cannot be taken over', async () => {
  const stream = await open(undefined, agentMonday)
  const other = await open(lastId(stream.text()), stranger)
  expect(other.endpoint).not.toBe(stream.endpoint)
  await postRaw(gateway, stream.endpoint, initialize, agentMonday)
  await stream.read(/"serverInfo"/)
  await Promise.all([stream.close(), other.close()])
})
