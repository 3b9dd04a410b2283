import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import { eventsOf } from './support/mcp-wire.ts'
import { initialize, initialized, openRaw, postRaw, type RawStream } from './support/sse-wire.ts'

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
