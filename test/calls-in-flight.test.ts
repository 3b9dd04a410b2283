import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { functionArn, type Gateway, sharing, startGateway, until } from './support/gateway.ts'
import { eventsOf, openSession } from './support/mcp-wire.ts'
import { sessionTable } from './support/session-table.ts'
import {
  initialize,
  initialized,
  messagesIn,
  openRaw,
  postMcp,
  postRaw,
  type RawStream,
} from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    environment: { MAX_CALLS_IN_FLIGHT: '3' },
    timeouts: { functions: 600 },
  })
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { file: 'string', log: 'string', text: 'string' },
  })
  await gateway.admin.registerTool({
    name: 'misbehave',
    lambdaArn: functionArn('misbehave'),
    parameters: { mode: 'string' },
  })
})
afterAll(() => gateway.close())

async function open(): Promise<RawStream & { post(message: object): Promise<Response> }> {
  const stream = await openRaw(gateway)
  const post = (message: object) =>
    postRaw(gateway, stream.endpoint, { jsonrpc: '2.0', ...message })
  await post(initialize)
  await post(initialized)
  return { ...stream, post }
}

const call = (id: number, name: string, given: object) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: given },
})
const runsIn = (log: string) => readFileSync(log, { flag: 'a+' }).toString().match(/ran/g)?.length

test('three calls run at once, the others wait, and all run once', async () => {
  const [file, log] = ['file', 'log'].map(name => join(tmpdir(), `${randomUUID()}-${name}`))
  const stream = await open()
  const ids = [2, 3, 4, 5, 6, 7, 8, 9]
  for (const id of ids) {
    const given = { file, log, text: `${id}` }
    expect((await stream.post(call(id, 'wait', given))).status).toBe(202)
  }
  // A ping does not wait for the calls before it.
  await stream.post({ id: 'ping', method: 'ping' })
  await stream.read(/"id":"ping"/)
  await until(() => runsIn(log ?? '') === 3, 'three calls to run')

  writeFileSync(file ?? '', '')
  for (const id of ids) await stream.read(new RegExp(`"id":${id}\\D`))
  expect(runsIn(log ?? '')).toBe(ids.length)
  await stream.close()
})

test.each(['with a session', 'without a session'])(
  'three calls of a batch run at once, the others wait, and all run once, %s',
  async where => {
    const [file = '', log = ''] = ['file', 'log'].map(it => join(tmpdir(), `${randomUUID()}-${it}`))
    const ids = [2, 3, 4, 5, 6, 7, 8, 9]
    const batch = [
      ...ids.map(id => ({ jsonrpc: '2.0', ...call(id, 'wait', { file, log, text: `${id}` }) })),
      { jsonrpc: '2.0', id: 'ping', method: 'ping' },
    ]
    const posted = where.includes('without')
      ? postMcp(gateway, batch)
      : (await openSession(gateway, { protocolVersion: '2025-03-26' })).post(batch)
    await until(() => runsIn(log) === 3, 'three calls to run')
    // A call that comes later has run, so a fourth one of the batch would have started.
    const later = call(1, 'wait', { file: log, log, text: '' })
    await (await postMcp(gateway, { jsonrpc: '2.0', ...later })).text()
    expect(runsIn(log)).toBe(4)
    writeFileSync(file, '')
    const messages = await messagesIn(await posted)
    expect(messages.map(it => String(it.id)).sort()).toEqual([...ids, 'ping'].map(String))
    expect(messages.filter(it => it.error)).toEqual([])
    expect(runsIn(log)).toBe(ids.length + 1)
  },
)

test('a call of a batch that still waits when the time is over did not run', async () => {
  const short = await startGateway({
    environment: { ...sharing(gateway), MAX_CALLS_IN_FLIGHT: '1' },
    timeouts: { mcp: 10 },
  })
  const [file = '', log = ''] = ['file', 'log'].map(it => join(tmpdir(), `${randomUUID()}-${it}`))
  const calls = [2, 3].map(id => ({
    jsonrpc: '2.0',
    ...call(id, 'wait', { file, log, text: '' }),
  }))
  const messages = await messagesIn(await postMcp(short, calls))
  writeFileSync(file, '')
  // Either may run first.
  const told = messages.map(it => it.error?.data as { reason: string; retrySafe: boolean })
  expect(told.filter(it => it.retrySafe)).toEqual([{ reason: 'busy', retrySafe: true }])
  expect(told.map(it => it.reason).sort()).toEqual(['busy', 'outcome-unknown'])
  expect(runsIn(log)).toBe(1)
  await short.close()
})

test('a client that does not read its results gets no more of them into memory', async () => {
  const response = await gateway.fetch()(new URL('sse', gateway.mcpUrl))
  const events = eventsOf(response)
  const endpoint = (await events.next())?.data ?? ''
  const post = (message: object) => postRaw(gateway, endpoint, { jsonrpc: '2.0', ...message })
  await post(initialize)
  await post(initialized)
  await events.message(it => it.id === 1)
  const before = gateway.invocations.length
  const runs = () =>
    gateway.invocations.slice(before).filter(it => it.functionName === 'misbehave').length
  const ids = [2, 3, 4, 5, 6, 7, 8, 9]
  for (const id of ids) await post(call(id, 'misbehave', { mode: 'large' }))
  // A result that waits for its reader counts as in flight. One or two may have left the
  // environment, since there are buffers on the way.
  await until(() => runs() >= 3, 'three calls')
  expect(runs()).toBeLessThan(ids.length)
  const answered: unknown[] = []
  for (const _ of ids) answered.push((await events.message(it => it.result !== undefined)).id)
  expect(answered.sort()).toEqual(ids)
  expect(runs()).toBe(ids.length)
  await events.close()
})

test('the messages of a client that does not read its responses stay in the table', async () => {
  await gateway.admin.registerPrompt({
    name: 'long',
    lambdaArn: functionArn('wait'),
    description: 'x'.repeat(300_000),
  })
  const events = eventsOf(await gateway.fetch()(new URL('sse', gateway.mcpUrl)))
  const endpoint = (await events.next())?.data ?? ''
  const ids = Array.from({ length: 100 }, (_, id) => id)
  for (const id of ids)
    await postRaw(gateway, endpoint, { jsonrpc: '2.0', id, method: 'prompts/list' })
  // Later messages of another stream are answered, so this one has had time to take its own.
  const other = await open()
  for (const id of ids.slice(0, 10)) {
    await other.post({ id: `later ${id}`, method: 'ping' })
    await other.read(new RegExp(`"later ${id}"`))
  }
  const { inbox } = await (await sessionTable(gateway)).session(endpoint.replace(/.*=/, ''))
  expect(inbox?.L?.length).toBeGreaterThan(0)
  for (const id of ids) expect((await events.message(it => it.result !== undefined)).id).toBe(id)
  await Promise.all([events.close(), other.close()])
})
