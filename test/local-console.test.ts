import { resolve } from 'node:path'
import { type Local, startLocal } from '@markvp/mcp-lambda-sam/local'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

// The console of a gateway with the functions that `npm run console` uses in a browser.
let local: Local
let base = ''
let headers: Record<string, string> = {}
beforeAll(async () => {
  local = await startLocal({
    functions: resolve('test/console/functions'),
    register: true,
    console: { port: 0 },
    log: () => {},
  })
  const [address = '', token] = (local.consoleUrl ?? '').split('#token=')
  base = address
  headers = { authorization: `Bearer ${token}` }
  void follow()
})
afterAll(() => local.close())

type Json = Record<string, unknown>
const seen: Json[] = []

/** Collects the events of the console. */
async function follow() {
  const response = await fetch(`${base}api/events`, { headers })
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      seen.push(...lines.map(line => JSON.parse(line)))
    }
  } catch {
    // The gateway has ended.
  }
}

const seenType = (type: string) => seen.filter(it => it['type'] === type)
const eventually = <Value>(check: () => Value) => vi.waitFor(check, { timeout: 30_000 })

async function post(path: string, body: Json, signal?: AbortSignal): Promise<Json> {
  const init = { method: 'POST', headers, body: JSON.stringify(body), ...(signal && { signal }) }
  return (await fetch(base + path, init)).json() as Promise<Json>
}

const callTool = (id: string, name: string, args: Json, signal?: AbortSignal) =>
  post('api/calls', { id, method: 'tools/call', params: { name, arguments: args } }, signal)

/** The question that the call has led to. */
const question = () =>
  eventually(() => {
    const ended = seenType('question-ended').map(it => it['id'])
    const open = seenType('question').map(it => it['question'] as Json)
    const found = open.find(it => !ended.includes(it['id']))
    if (!found) throw new Error('no question')
    return found
  })

test('lists what is registered, with the definitions that clients get', async () => {
  const response = await fetch(`${base}api/registrations`, { headers })
  const { items } = (await response.json()) as { items: Json[] }
  expect(items).toHaveLength(7)
  expect(items.find(it => it['id'] === 'tool-booking')).toMatchObject({
    ...{ functionName: 'booking', contract: 'mcp', owner: 'local' },
    definition: { inputSchema: { properties: { guests: { maximum: 12 } } } },
  })
  expect(items.find(it => it['id'] === 'resource-notes')).toMatchObject({
    definition: { uriTemplate: 'notes://{id}' },
  })
})

test('a call reports progress, asks, and ends with what was answered', async () => {
  const result = callTool('one', 'booking', { restaurant: 'Sole', guests: 2 })
  const { id, schema, askedBy } = await question()
  expect(askedBy).toEqual(['booking'])
  expect(schema).toMatchObject({ required: ['confirm', 'time'] })
  expect(seenType('progress')).toContainEqual(
    expect.objectContaining({ id: 'one', progress: 1, total: 3, message: 'Looking for a table' }),
  )
  const content = { confirm: true, time: '20:00' }
  await post('api/answers', { id, action: 'accept', content })
  expect(await result).toMatchObject({ result: { structuredContent: { at: '20:00' } } })
  await eventually(() =>
    expect(seenType('call')).toContainEqual(
      expect.objectContaining({
        call: expect.objectContaining({ target: 'booking', duration: expect.any(Number) }),
      }),
    ),
  )
})

test('a page that is closed cancels its call and the question of it', async () => {
  const page = new AbortController()
  const result = callTool('two', 'booking', { restaurant: 'Sole', guests: 3 }, page.signal)
  const { id } = await question()
  page.abort()
  await expect(result).rejects.toThrow()
  await eventually(() => expect(seenType('question-ended').map(it => it['id'])).toContain(id))
  const late = await post('api/answers', { id, action: 'accept' })
  expect(late).toMatchObject({ error: { code: 'question_ended' } })
})

test('an error of the gateway has its code and message', async () => {
  expect(await callTool('three', 'nothing', {})).toMatchObject({
    error: { code: 'json_rpc_-32602', message: expect.stringContaining('nothing') },
  })
})
