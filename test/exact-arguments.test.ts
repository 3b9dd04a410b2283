import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { eventStreamFrame } from '../packages/server/src/local/api/event-stream-frame.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { answerOf, eventsOf, type Message, openSession } from './support/mcp-wire.ts'
import { initialize, initialized, messagesIn, meta, openRaw, postMcp } from './support/sse-wire.ts'

const ARGS = '{"id":9007199254740993,"list":[1.0,-0,1E3,{"pi":3.14159265358979323846}],"s":"1.0"}'

let api: Server
let gateway: Gateway
beforeAll(async () => {
  api = createServer(async (request, response) => {
    const event = await text(request)
    const { url = '' } = request
    if (url.includes('/policy')) response.writeHead(request.method === 'GET' ? 404 : 201).end('{}')
    else if (/asking\b/.test(url)) response.end(streamed(event, question(event)))
    else if (url.includes('response-streaming')) response.end(streamed(event))
    else response.end(JSON.stringify(event))
  }).listen(0, '127.0.0.1')
  await once(api, 'listening')
  const lambda = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
  gateway = await startGateway({ environment: { AWS_ENDPOINT_URL_LAMBDA: lambda } })
  const { admin } = gateway
  for (const contract of ['arguments', 'mcp'] as const) {
    await admin.registerTool({ name: contract, lambdaArn: functionArn('any'), contract })
    await admin.registerPrompt({ name: contract, lambdaArn: functionArn('any'), contract })
  }
  const lambdaArn = functionArn('asking')
  await admin.registerTool({ name: 'asking', lambdaArn, contract: 'mcp' })
})
afterAll(async () => {
  await gateway?.close()
  api?.close().closeAllConnections()
})

/** Asks two questions before the event has responses. */
function question(event: string): object | undefined {
  if (event.includes('"inputResponses"')) return undefined
  const elicitation = {
    method: 'elicitation/create',
    params: { message: '?', requestedSchema: { type: 'object', properties: {} } },
  }
  const inputRequests = { first: elicitation, second: elicitation }
  return { resultType: 'input_required', inputRequests, requestState: 'asked' }
}

/**
 * The output of a function with the calling contract `mcp` that returns its event as text, or
 * another result.
 */
function streamed(event: string, result?: object): Buffer {
  const text = { type: 'text', text: event }
  const messages = [{ role: 'user', content: text }]
  const echo = event.includes('"prompts/get"') ? { messages } : { content: [text] }
  const line = JSON.stringify({ result: result ?? echo })
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

/** The result of a client for each question. JavaScript reads both numbers as the same one. */
const ANSWERS = {
  first: '{"action":"accept","content":{"id":9007199254740993,"n":1.0}}',
  second: '{"action":"accept","content":{"id":9007199254740992,"n":1.00}}',
}
const RESPONSES = `"inputResponses":{"first":${ANSWERS.first},"second":${ANSWERS.second}}`

test('numbers of an input response keep their digits in 2026-07-28', async () => {
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'asking',
  }
  const post = async (more = '') => {
    const body = call(1, 'asking', `${more},"_meta":${JSON.stringify(meta)}`)
    const [message] = await messagesIn(await postMcp(gateway, body, { headers }))
    return message?.result
  }
  const asked = await post()
  const result = await post(`,"requestState":"${asked?.['requestState']}",${RESPONSES}`)
  expect(eventIn(result)).toContain(RESPONSES)
  check('mcp', eventIn(result))
})

test('numbers of a response to an elicitation keep their digits in a session', async () => {
  const capabilities = { elicitation: {} }
  const { id } = await openSession(gateway, { protocolVersion: '2025-03-26', capabilities })
  const headers = { 'mcp-session-id': id }
  const events = eventsOf(await postMcp(gateway, call(2, 'asking'), { headers }))
  const isQuestion = (it: Message) => it.method === 'elicitation/create'
  const first = await events.message(isQuestion)
  const second = await events.message(isQuestion)
  // In a batch, and in another order than they were asked.
  const body = `[${answer(second.id, ANSWERS.second)},${answer(first.id, ANSWERS.first)}]`
  await postMcp(gateway, body, { headers })
  const { result } = await events.message(it => it.id === 2)
  expect(eventIn(result)).toContain(RESPONSES)
})

const answer = (id: unknown, result: string) =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`

test('numbers of a response to an elicitation keep their digits on /sse', async () => {
  const stream = await openRaw(gateway)
  const post = (body: string) =>
    gateway.fetch()(new URL(stream.endpoint, gateway.mcpUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
  const capabilities = { elicitation: {} }
  await post(JSON.stringify({ ...initialize, params: { ...initialize.params, capabilities } }))
  await post(call(2, 'asking'))
  const text = await stream.read(/(?:data: .*elicitation\/create.*\s[\s\S]*){2}\n\n/)
  const [first, second] = [...text.matchAll(/^data: (\{.*elicitation\/create.+)$/gm)].map(
    ([, it = '']) => JSON.parse(it).id,
  )
  await post(answer(second, ANSWERS.second))
  await post(answer(first, ANSWERS.first))
  const [, json = '{}'] =
    /data: (\{.*"id":2\b.*)\n\n/.exec(await stream.read(/"id":2\b.*\n\n/)) ?? []
  expect(eventIn(JSON.parse(json).result)).toContain(RESPONSES)
  await stream.close()
})

test.each(contracts)('an argument of a prompt may have any name: %s', async name => {
  const get = (args: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"${name}","arguments":${args}}}`
  const args = '{"__proto__":"a","constructor":"b","toString":"c"}'
  const [message] = await messagesIn(await postMcp(gateway, get(args)))
  expect(JSON.stringify(message?.result)).toContain(JSON.stringify(args).slice(1, -1))
  const [refused] = await messagesIn(await postMcp(gateway, get('{"__proto__":1}')))
  expect(refused?.error).toMatchObject({ code: -32602 })
})
