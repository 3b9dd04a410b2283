import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'

import { connect, textOf } from '../support/clients.ts'
import { functionArn, type Gateway, hasContent, until } from '../support/gateway.ts'
import { answerOf, eventsOf, openSession } from '../support/mcp-wire.ts'

/**
 * The functions that the scenario registers: those of test/functions, or others that do the same.
 */
export const TOOLS = ['echo', 'contract', 'notes', 'greet']

/** Each operation of the registration API. Leaves five registrations. */
export async function useRegistrationApi({ admin }: Gateway) {
  await admin.get('tool-echo').catch(() => {})
  const echo = await admin.registerTool({
    name: 'echo',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
  })
  expect(echo).toMatchObject({ status: { state: 'ready' } })
  await admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string', file: 'string?' },
  })
  await admin.registerResource({
    name: 'notes',
    lambdaArn: functionArn('notes'),
    uriTemplate: 'notes://{id}',
  })
  await admin.registerResource({
    name: 'board',
    lambdaArn: functionArn('notes'),
    uri: 'board://main',
  })
  await admin.registerPrompt({
    name: 'greet',
    lambdaArn: functionArn('greet'),
    arguments: [{ name: 'name', required: true }],
  })
  await admin.update(echo.id, { ...echo, description: 'Says it again' }, { ifMatch: echo.version })
  expect(await admin.get(echo.id)).toMatchObject({ description: 'Says it again' })
  await admin.repair(echo.id)
  await admin.announceUpdate('resource-board')
  const ids: string[] = []
  for await (const { id } of admin.list()) ids.push(id)
  expect(ids).toHaveLength(5)
  // Removes its invoke permission too, since no other registration needs it.
  await admin.remove('prompt-greet')
  await admin.registerPrompt({
    name: 'greet',
    lambdaArn: functionArn('greet'),
    arguments: [{ name: 'name', required: true }],
  })
}

/** Every endpoint and protocol version, with the registrations of `useRegistrationApi`. */
export async function useAllEndpoints(gateway: Gateway) {
  for (const [sdk, over] of [
    ['SDK 1.x', '/sse over our transport'],
    ['SDK 2.x', '/mcp over our transport'],
    ['SDK 2.x, 2026-07-28', '/mcp over the official transport with our fetch'],
  ] as const) {
    const user = { elicit: () => ({ action: 'accept', content: { answer: 'yes' } }) }
    const { client, call } = await connect(gateway, sdk, over, { user })
    expect((await client.listTools()).tools.map(it => it.name)).toEqual(['contract', 'echo'])
    // More than one item of the session table holds.
    const text = 'x'.repeat(500_000)
    const echoed = await client.callTool({ name: 'echo', arguments: { text } })
    expect(textOf(echoed).includes(text)).toBe(true)
    expect(textOf(await call('rounds'))).toBe('yes,yes,yes')
    const { contents } = await client.readResource({ uri: 'notes://7' })
    expect(contents).toMatchObject([{ text: 'note 7 at notes://7' }])
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })
    expect(JSON.stringify(messages)).toContain('Greet Ada')
    await client.close()
  }
  await subscribeAndResume(gateway)
}

/** A session that hears of a resource, cancels a call, resumes a stream, and is closed. */
async function subscribeAndResume(gateway: Gateway) {
  const session = await openSession(gateway)
  const ask = async (method: string, params: object = {}) => {
    const answer = await answerOf(
      await session.post({ jsonrpc: '2.0', id: method, method, params }),
    )
    expect(answer).not.toHaveProperty('error')
  }
  await ask('resources/subscribe', { uri: 'board://main' })
  const stream = eventsOf(await session.get())
  await gateway.admin.announceUpdate('resource-board')
  const heard = await stream.message(it => it.method === 'notifications/resources/updated')
  await stream.close()
  await eventsOf(await session.get(heard.eventId)).close()
  await ask('resources/unsubscribe', { uri: 'board://main' })

  const file = join(tmpdir(), crypto.randomUUID())
  const params = { name: 'contract', arguments: { mode: 'ticks', file } }
  const call = session.post({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params })
  await until(() => hasContent(file), 'the call')
  await session.post({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 'call' },
  })
  await (await call).text()
  rmSync(file)
  expect((await session.remove()).status).toBe(200)
}
