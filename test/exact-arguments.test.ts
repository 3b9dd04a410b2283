import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { eventStreamFrame } from '../packages/server/src/local/api/event-stream-frame.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { answerOf, openSession } from './support/mcp-wire.ts'
import { initialize, initialized, messagesIn, meta, openRaw, postMcp } from './support/sse-wire.ts'

const ARGS = '{"id":9007199254740993,"list":[1.0,-0,1E3,{"pi":3.14159265358979323846}],"s":"1.0"}'

let api: Server
let gateway: Gateway
beforeAll(async () => {
  api = createServer(async (request, response) => {
    const event = await text(request)
    const { url = '' } = request
    if (url.includes('/policy')) response.writeHead(request.method === 'GET' ? 404 : 201).end('{}')
    else if (url.includes('response-streaming')) response.end(streamed(event))
    else response.end(JSON.stringify(event))
  }).listen(0, '127.0.0.1')
  await once(api, 'listening')
  const lambda = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
  gateway = await startGateway({ environment: { AWS_ENDPOINT_URL_LAMBDA: lambda } })
  for (const contract of ['arguments', 'mcp'] as const)
    await gateway.admin.registerTool({ name: contract, lambdaArn: functionArn('any'), contract })
})
afterAll(async () => {
  await gateway?.close()
  api?.close().closeAllConnections()
})

/** The output of a function with the calling contract `mcp` that returns its event as text. */
function streamed(event: string): Buffer {
  const line = JSON.stringify({ result: { content: [{ type: 'text', text: event }] } })
  return Buffer.concat([
    eventStreamFrame('PayloadChunk', 'application/octet-stream', Buffer.from(line)),
    eventStreamFrame('InvokeComplete', 'application/json', Buffer.from('{}')),
  ])
}

const call = (id: number, name: string, more = '') =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${ARGS}${more}}}`

/** The event as the function got it. */
const eventIn = (result: unknown) =>
  (result as { content: { text: string }[] } | undefined)?.content[0]?.text ?? ''

/** The test API does not parse: the event is compared as text. */
function check(name: string, event: string) {
  if (name === 'arguments') expect(event).toBe(ARGS)
  else expect(event).toContain(`"arguments":${ARGS}`)
}

const contracts = ['arguments', 'mcp']

test.each(contracts)('numbers keep their digits on /mcp without a session: %s', async name => {
  const [earlier] = await messagesIn(await postMcp(gateway, call(1, name)))
  check(name, eventIn(earlier?.result))
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
  }
  const current = call(1, name, `,"_meta":${JSON.stringify(meta)}`)
  const [message] = await messagesIn(await postMcp(gateway, current, { headers }))
  check(name, eventIn(message?.result))
})

test.each(contracts)('numbers keep their digits in a session and in a batch: %s', async name => {
  const { id } = await openSession(gateway, { protocolVersion: '2025-03-26' })
  const headers = { 'mcp-session-id': id }
  const answer = await answerOf(await postMcp(gateway, call(1, name), { headers }))
  check(name, eventIn(answer.result))
  const ping = '{"jsonrpc":"2.0","id":1.0,"method":"ping"}'
  const batch = `[${ping},${call(2, name)},${call(3, name)}]`
  const messages = await messagesIn(await postMcp(gateway, batch, { headers }))
  const events = messages.filter(it => it.id !== 1).map(it => eventIn(it.result))
  expect(events).toHaveLength(2)
  for (const event of events) check(name, event)
})

test('numbers keep their digits on /sse', async () => {
  const stream = await openRaw(gateway)
  const post = (body: string) =>
    gateway.fetch()(new URL(stream.endpoint, gateway.mcpUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
  await post(JSON.stringify(initialize))
  await post(JSON.stringify(initialized))
  for (const [index, name] of contracts.entries()) {
    await post(call(index + 2, name))
    await stream.read(new RegExp(`data: .*"id":${index + 2}\\b.*\n\n`))
  }
  const messages = [...stream.text().matchAll(/^data: (\{.+)$/gm)].map(([, it = '']) =>
    JSON.parse(it),
  )
  for (const [index, name] of contracts.entries())
    check(name, eventIn(messages.find(it => it.id === index + 2)?.result))
  await stream.close()
})
