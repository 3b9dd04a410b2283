import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { connect } from './support/clients.ts'
import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import {
  initialize,
  initialized,
  messagesIn,
  meta,
  openRaw,
  postMcp,
  postRaw,
} from './support/sse-wire.ts'

const call = (id: number, file: string) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'wait', arguments: { file } },
})

async function gatewayWith(options: Parameters<typeof startGateway>[0]) {
  const gateway = await startGateway(options)
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { file: 'string' },
  })
  return gateway
}

describe('a stream', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await gatewayWith({
      push: true,
      environment: { HEARTBEAT_SECONDS: '1', IDLE_TIMEOUT_SECONDS: '6', LISTEN_SECONDS: '2' },
    })
  })
  afterAll(() => gateway.close())

  test.concurrent('is pinged and then ended with `bye` when its client sends nothing', async () => {
    const stream = await openRaw(gateway)
    const text = await stream.ended()
    expect(text, 'heartbeats').toMatch(/\n: ka\n\n/)
    expect(text).toContain('"method":"ping"')
    expect(text).toMatch(/retry: 5000\nevent: bye\ndata: \{"reason":"idle"\}\n\n$/)
    expect((await postRaw(gateway, stream.endpoint, initialize)).status).toBe(404)
  })

  test.concurrent('stays open while a call runs, though the client answers no ping', async () => {
    const file = join(tmpdir(), randomUUID())
    const stream = await openRaw(gateway)
    await postRaw(gateway, stream.endpoint, initialize)
    await postRaw(gateway, stream.endpoint, initialized)
    await postRaw(gateway, stream.endpoint, call(2, file))
    // 8 heartbeats are longer than the idle time-out.
    await stream.read(/(: ka\n\n.*){8}/s)
    writeFileSync(file, '')
    await stream.read(/"text":"done"/)
    await stream.close()
  })

  test.concurrent('stays open past the idle time-out while its client answers pings', async () => {
    const { client } = await connect(gateway, 'SDK 2.x', '/sse over our transport')
    let closed = false
    client.onclose = () => {
      closed = true
    }
    const { transport } = client
    if (!transport) throw new Error('the client is not connected')
    const send = transport.send.bind(transport)
    let pongs = 0
    transport.send = async (message, options) => {
      if ('result' in message) pongs++
      return send(message, options)
    }
    // The gateway pings after each quiet heartbeat, so eight pings take longer than the time-out.
    await until(() => closed || pongs === 8, 'eight pings', 60_000)
    expect(closed).toBe(false)
    await client.ping()
    await client.close()
  })

  test.concurrent('of subscriptions/listen is completed after its time', async () => {
    const params = { _meta: meta, notifications: { toolsListChanged: true } }
    const request = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': request.method }
    const messages = await messagesIn(await postMcp(gateway, request, { headers }))
    expect(messages.at(-1)).toMatchObject({ id: 1, result: { resultType: 'complete' } })
  })

  test.concurrent('of GET /mcp ends when its client does not answer pings', async () => {
    const url = new URL('mcp', gateway.mcpUrl)
    const accept = 'application/json, text/event-stream'
    const opened = await gateway.fetch()(url, {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...initialize,
        params: { ...initialize.params, protocolVersion: '2025-11-25' },
      }),
    })
    await opened.text()
    const session = opened.headers.get('mcp-session-id') ?? ''
    const stream = await gateway.fetch()(url, {
      headers: { accept, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
    })
    expect(stream.status).toBe(200)
    expect(await stream.text()).toContain('"method":"ping"')
  })

  test('gets 404 for messages after its process was killed', async () => {
    const before = gateway.invocations.length
    const stream = await openRaw(gateway)
    const pid = gateway.invocations.slice(before).find(it => it.path === '/sse')?.pid
    if (!pid) throw new Error('no process served the stream')
    process.kill(pid, 'SIGKILL')
    await stream.ended().catch(() => 'cut')
    await until(
      async () => (await postRaw(gateway, stream.endpoint, initialize)).status === 404,
      'the session to be given up',
    )
  })
})

describe('a stream of a client that has answered pings', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await gatewayWith({
      environment: { HEARTBEAT_SECONDS: '4', IDLE_TIMEOUT_SECONDS: '600' },
    })
  })
  afterAll(() => gateway.close())

  test('ends when it misses two, long before the idle time-out', async () => {
    const stream = await openRaw(gateway)
    await postRaw(gateway, stream.endpoint, initialize)
    await postRaw(gateway, stream.endpoint, initialized)
    const messages = () =>
      [...stream.text().matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data))
    const pings = () => messages().filter(it => it.method === 'ping')
    await stream.read(/"ping"/)
    const { id } = pings()[0]
    await postRaw(gateway, stream.endpoint, { jsonrpc: '2.0', id, result: {} })
    expect(await stream.ended()).toContain('event: bye\ndata: {"reason":"idle"}')
    expect(pings()).toHaveLength(3)
  })
})

describe('a stream whose environment is about to time out', () => {
  let gateway: Gateway
  beforeAll(async () => {
    // A third of it is kept for the farewell, a tenth for the last words.
    gateway = await gatewayWith({ timeouts: { mcp: 24 } })
  })
  afterAll(() => gateway.close())

  test.concurrent('refuses messages, lets calls finish, answers the others with an error and ends', async () => {
    const [finished, never] = ['finished', 'never'].map(name =>
      join(tmpdir(), `${randomUUID()}-${name}`),
    )
    const stream = await openRaw(gateway)
    await postRaw(gateway, stream.endpoint, initialize)
    await postRaw(gateway, stream.endpoint, initialized)
    await postRaw(gateway, stream.endpoint, call(2, finished ?? ''))
    await postRaw(gateway, stream.endpoint, call(3, never ?? ''))
    await until(
      async () => (await postRaw(gateway, stream.endpoint, initialized)).status === 404,
      'the session to refuse posts',
    )
    // Both calls still run; one of them gets what it waits for.
    writeFileSync(finished ?? '', '')
    const text = await stream.ended()
    const messages = [...text.matchAll(/event: message\ndata: (.*)\n/g)].map(it =>
      JSON.parse(it[1] ?? ''),
    )
    expect(messages.find(it => it.id === 2)?.result).toEqual({
      content: [{ type: 'text', text: 'done' }],
    })
    expect(messages.find(it => it.id === 3)?.error).toMatchObject({
      code: -32000,
      data: { reason: 'outcome-unknown', retrySafe: false },
    })
    expect(text).toMatch(/retry: 100\nevent: bye\ndata: \{"reason":"rotate"\}\n\n$/)
  })

  test.concurrent('gives a client that connects again a new session', async () => {
    const { client } = await connect(gateway, 'SDK 2.x', '/sse over our transport')
    expect((await client.listTools()).tools).toHaveLength(1)
    await client.close()
  })

  test.concurrent.each(['SDK 1.x', 'SDK 2.x'] as const)(
    'is replaced without a new initialize by the official transport of %s',
    async sdk => {
      let streams = 0
      const counting: Gateway = {
        ...gateway,
        fetch: credentials => (input, init) => {
          if (String(input).endsWith('/sse')) streams++
          return gateway.fetch(credentials)(input, init)
        },
      }
      const over = '/sse over the official transport with our fetch'
      const { client } = await connect(counting, sdk, over)
      await until(() => streams > 1, 'the transport to open a new stream', 40_000)
      // It takes its new endpoint from the new stream; until it has, a post meets the session
      // that ended.
      await until(
        () =>
          client.listTools().then(
            ({ tools }) => tools.length === 1,
            () => false,
          ),
        'the new session to answer',
      )
      await client.close()
    },
  )
})

describe('a change of the registrations', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGateway({ push: true })
  })
  afterAll(() => gateway.close())

  test('is announced on an open stream with the notification of the changed list', async () => {
    const { client } = await connect(gateway, 'SDK 2.x', '/sse over our transport')
    const heard: string[] = []
    for (const list of ['tools', 'prompts', 'resources'] as const)
      client.setNotificationHandler(
        `notifications/${list}/list_changed`,
        () => void heard.push(list),
      )
    expect((await client.listTools()).tools).toEqual([])

    const { id, version } = await gateway.admin.registerTool({
      name: 'echo',
      lambdaArn: functionArn('echo'),
      parameters: {},
    })
    await until(() => heard.includes('tools'), 'the notification')
    expect((await client.listTools()).tools.map(it => it.name)).toEqual(['echo'])

    await gateway.admin.update(
      id,
      {
        type: 'tool',
        name: 'echo',
        description: 'Now described',
        lambdaArn: functionArn('echo'),
        parameters: {},
      },
      { ifMatch: version },
    )
    await until(() => heard.length === 2, 'the second notification')
    expect((await client.listTools()).tools[0]?.description).toBe('Now described')

    await gateway.admin.remove(id)
    await until(() => heard.length === 3, 'the third notification')
    expect((await client.listTools()).tools).toEqual([])
    expect(heard).toEqual(['tools', 'tools', 'tools'])
    await client.close()
  })
})
