import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  agentMonday,
  functionArn,
  type Gateway,
  sharing,
  startGateway,
  until,
} from './support/gateway.ts'
import {
  answerOf,
  eventsOf,
  type Message,
  openSession,
  type RawSession,
} from './support/mcp-wire.ts'
import { initialize, initialized, postRaw } from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ push: true })
  const lambdaArn = functionArn('notes')
  await gateway.admin.registerResource({ name: 'notes', lambdaArn, uriTemplate: 'notes://{id}' })
  await gateway.admin.registerResource({ name: 'board', lambdaArn, uri: 'board://main' })
  await gateway.admin.registerResource({
    name: 'secret',
    lambdaArn,
    uri: 'secret://main',
    allow: ['arn:aws:iam::111111111111:role/agents'],
  })
})
afterAll(() => gateway.close())

/** Puts another tool in the place of the one before. */
async function changeTools() {
  const name = `news-${crypto.randomUUID().slice(0, 8)}`
  const { id } = await gateway.admin.registerTool({ name, lambdaArn: functionArn('echo') })
  if (news) await gateway.admin.remove(news)
  news = id
}
let news: string | undefined

const subscribe = (uri: string, method = 'resources/subscribe') => ({
  jsonrpc: '2.0',
  id: `${method} ${uri}`,
  method,
  params: { uri },
})

/** Collects what comes on a stream, as `tools` or the URI of a resource, and the ids of answers. */
function listening(next: () => Promise<Message | undefined>) {
  const heard: string[] = []
  const answered: unknown[] = []
  const ended = (async () => {
    for (let message = await next(); message; message = await next()) {
      const { id, method = '', params } = message
      if (method === 'notifications/resources/updated') heard.push(String(params?.['uri']))
      else if (method.endsWith('/list_changed')) heard.push(method.split('/')[1] ?? '')
      else if (method === '') answered.push(id)
    }
  })().catch(() => 'cut')
  return { heard, answered, ended }
}

const openers = {
  async 'GET /sse'() {
    const events = eventsOf(await gateway.fetch()(new URL('sse', gateway.mcpUrl)))
    const endpoint = (await events.next())?.data ?? ''
    const stream = listening(() => events.message(() => true))
    const send = async (message: { id: string | number }) => {
      await postRaw(gateway, endpoint, message)
      await until(() => stream.answered.includes(message.id), 'the answer')
    }
    await send(initialize)
    await postRaw(gateway, endpoint, initialized)
    return { ...stream, send, close: events.close }
  },
  async 'GET /mcp'() {
    const session = await openSession(gateway)
    const events = eventsOf(await session.get())
    const send = async (message: unknown) => void (await answerOf(await session.post(message)))
    const next = () => events.message(it => it.method !== undefined)
    return { ...listening(next), send, close: events.close }
  },
  async 'subscriptions/listen'() {
    const stream = await listen(['board://main', 'notes://1', 'secret://main'])
    return { ...stream, send: async () => {} }
  },
}

async function listen(resourceSubscriptions: string[]) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const response = await gateway.fetch()(new URL('mcp', gateway.mcpUrl), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'subscriptions/listen',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'subscriptions/listen',
      params: { _meta, notifications: { toolsListChanged: true, resourceSubscriptions } },
    }),
  })
  const events = eventsOf(response)
  await events.message(it => it.method === 'notifications/subscriptions/acknowledged')
  const next = () => events.message(it => it.method !== undefined)
  return { ...listening(next), close: events.close }
}

describe.each(Object.entries(openers))('a client with an open %s', (_, open) => {
  test('is notified of changed lists and of its own resource subscriptions only', async () => {
    const { heard, send, close } = await open()
    await send(subscribe('board://main'))
    await send(subscribe('notes://1'))

    await changeTools()
    await until(() => heard.includes('tools'), 'the list of tools')
    await gateway.admin.announceUpdate('resource-secret')
    await gateway.admin.announceUpdate('resource-notes', { uri: 'notes://2' })
    await gateway.admin.announceUpdate('resource-board')
    await until(() => heard.includes('board://main'), 'the board')
    await gateway.admin.announceUpdate('resource-notes', { uri: 'notes://1' })
    await until(() => heard.includes('notes://1'), 'the note')
    await gateway.admin.announceUpdate('resource-board')
    await until(() => heard.filter(it => it === 'board://main').length === 2, 'the board again')
    expect(heard.filter(it => it !== 'tools')).toEqual([
      'board://main',
      'notes://1',
      'board://main',
    ])
    await close()
  })
})

test('a list that is asked for after a report has the change, in an environment that has just listed', async () => {
  const { heard, close } = await openers['subscriptions/listen']()
  const session = await openSession(gateway)
  const list = { jsonrpc: '2.0', id: 'list', method: 'tools/list' }
  const listed = async () => JSON.stringify((await answerOf(await session.post(list))).result)
  for (const name of ['listed-1', 'listed-2']) {
    await listed()
    // What the environment has cached is too old now: it reads the registry once before the change.
    await sleep(1_050)
    await listed()
    const before = heard.length
    await gateway.admin.registerTool({ name, lambdaArn: functionArn('echo') })
    await until(() => heard.length > before, 'the report')
    expect(await listed()).toContain(name)
  }
  await close()
})

test('reports a change on /sse, GET /mcp and listen streams in different processes', async () => {
  const before = gateway.invocations.length
  const streams = await Promise.all(Object.values(openers).map(open => open()))
  for (const { send } of streams) await send(subscribe('board://main'))
  await changeTools()
  const changer = gateway.invocations.at(-1)?.pid
  await gateway.admin.announceUpdate('resource-board')
  for (const { heard } of streams)
    await until(() => heard.includes('tools') && heard.includes('board://main'), 'both')

  const opened = gateway.invocations
    .slice(before)
    .filter(it => it.method === 'GET')
    .map(it => it.pid)
  expect(opened).toHaveLength(2)
  expect(new Set([...opened, changer]).size).toBe(3)
  for (const { close } of streams) await close()
})

describe('an MCP session', () => {
  /** On the same tables, and with processes that know nothing yet. */
  let elsewhere: Gateway
  beforeAll(async () => {
    elsewhere = await startGateway({ push: true, environment: sharing(gateway) })
  })
  afterAll(() => elsewhere.close())

  const heardOn = async (session: RawSession, lastEventId?: string, at = gateway) => {
    const events = eventsOf(await session.get(lastEventId, { at }))
    let last = lastEventId
    let isTold = false
    const next = async () => {
      for (let event = await events.next(); event; event = await events.next()) {
        last = event.id ?? last
        isTold = event.data === ''
        if (event.data) return JSON.parse(event.data) as Message
      }
      return undefined
    }
    // The id of a notification is still the one before: it is all told when an event with nothing
    // but an id follows.
    const told = () => until(() => isTold && last !== 'get.', 'the id of what has been told')
    return { ...listening(next), close: events.close, last: () => last ?? '', told }
  }
  const updates = ({ heard }: { heard: string[] }) => heard.filter(it => it.includes('://'))

  test('reports on its GET stream what changed before the stream opened', async () => {
    const session = await openSession(gateway)
    expect((await answerOf(await session.post(subscribe('board://main')))).result).toEqual({})
    await changeTools()
    await gateway.admin.announceUpdate('resource-board')
    const stream = await heardOn(session, undefined, elsewhere)
    await until(() => stream.heard.includes('tools'), 'the list of tools')
    await until(() => stream.heard.includes('board://main'), 'the board')
    await stream.close()
  })

  test('resumes after the last event: reports what was missed, and nothing twice', async () => {
    const session = await openSession(gateway)
    await answerOf(await session.post(subscribe('board://main')))
    const first = await heardOn(session)
    await first.told()
    await gateway.admin.announceUpdate('resource-board')
    await until(() => first.heard.includes('board://main'), 'the board')
    await first.told()
    await first.close()

    const second = await heardOn(session, first.last(), elsewhere)
    await answerOf(await session.post(subscribe('notes://1')))
    await gateway.admin.announceUpdate('resource-notes', { uri: 'notes://1' })
    await until(() => second.heard.includes('notes://1'), 'the note')
    expect(second.heard).toEqual(['notes://1'])
    await second.told()
    const known = second.last()
    await second.close()
    await gateway.admin.announceUpdate('resource-board')
    await changeTools()

    const third = await heardOn(session, known, elsewhere)
    await until(() => third.heard.includes('board://main'), 'the board, missed')
    await until(() => third.heard.includes('tools'), 'the list of tools, missed')
    expect(third.heard).not.toContain('prompts')
    await third.close()
  })

  test('reports no update after unsubscribe', async () => {
    const session = await openSession(gateway)
    for (const uri of ['board://main', 'notes://1'])
      await answerOf(await session.post(subscribe(uri)))
    const stream = await heardOn(session)
    await answerOf(await session.post(subscribe('board://main', 'resources/unsubscribe')))
    await gateway.admin.announceUpdate('resource-board')
    await gateway.admin.announceUpdate('resource-notes', { uri: 'notes://1' })
    await until(() => stream.heard.includes('notes://1'), 'the note')
    expect(updates(stream)).toEqual(['notes://1'])
    await stream.close()
  })

  test('refuses a subscription to a resource that the caller may not see', async () => {
    const session = await openSession(gateway)
    for (const uri of ['secret://main', 'nothing://here']) {
      const { error } = await answerOf(await session.post(subscribe(uri)))
      expect(error?.message).toContain(uri)
    }
    const agent = await openSession(gateway, { credentials: agentMonday })
    expect((await answerOf(await agent.post(subscribe('secret://main')))).result).toEqual({})
  })

  test('ends its GET stream when it is deleted', async () => {
    const session = await openSession(gateway)
    const stream = await heardOn(session)
    expect((await session.remove()).status).toBe(200)
    await stream.ended
    expect((await session.get()).status).toBe(404)
  })
})
