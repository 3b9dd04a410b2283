import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { readStack } from '../../packages/server/src/local/stack.ts'
import { startStack } from '../../packages/server/src/local/start.ts'
import { functionArn, type Gateway, sharing, startGateway, until } from '../support/gateway.ts'
import { answerOf, eventsOf, openSession } from '../support/mcp-wire.ts'
import {
  initialize,
  initialized,
  messagesIn,
  meta,
  openRaw,
  postMcp,
  postRaw,
} from '../support/sse-wire.ts'

// "npm run upgrade" runs this file with the folder of an older build. While a deployment runs, and
// after a rollback, environments of both versions serve requests on the same tables.
const OLDER = process.env['UPGRADE_FROM'] ?? ''
const root = fileURLToPath(new URL('../..', import.meta.url))

let gateways: { older: Gateway; newer: Gateway }
beforeAll(async () => {
  const newer = await startGateway()
  gateways = { newer, older: await startOlder(newer) }
}, 120_000)
afterAll(() => Promise.all([gateways?.older.close(), gateways?.newer.close()]))

/** The handlers of the older build, on the tables and functions of the newer one. */
async function startOlder(newer: Gateway): Promise<Gateway> {
  const template = readFileSync(`${OLDER}/template.yaml`, 'utf8')
  const local = await startStack(
    readStack(template, `${OLDER}/packages/server/dist`),
    `${root}/packages/server/dist`,
    { log: () => {}, concurrency: 130, environment: sharing(newer) },
  )
  const { region, credentials, registrationUrl } = local
  return {
    ...local,
    invocations: [],
    admin: createAdminClient({ url: registrationUrl, region, credentials }),
    fetch: (signer = credentials) => signedFetch({ region, credentials: signer }),
  }
}

/** A request that every version of the registration API knows. */
async function register(at: Gateway, method: 'POST' | 'PUT', body: object) {
  const { name } = body as { name: string }
  const path = method === 'POST' ? 'register' : `register/tool-${name}`
  const response = await at.fetch()(new URL(path, at.registrationUrl), {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return response.json()
}

const tool = (name: string, more: object = {}) => ({
  type: 'tool',
  name,
  description: 'first',
  lambdaArn: functionArn('wait'),
  parameters: { ms: 'number', text: 'string?' },
  ...more,
})

/** A request of revision 2026-07-28, and what it says at last. */
async function ask(
  at: Gateway,
  method: string,
  params: { name?: string; [field: string]: unknown } = {},
) {
  const response = await postMcp(
    at,
    { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } },
    {
      headers: {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': params.name,
      },
    },
  )
  return (await messagesIn(response)).at(-1)
}

const called = (text: string) => ({ result: { content: [{ type: 'text', text }] } })

async function descriptionOf(at: Gateway, name: string) {
  const answer = await ask(at, 'tools/list')
  const tools = answer?.result?.['tools'] as { name: string; description: string }[]
  return tools.find(it => it.name === name)?.description
}

const DIRECTIONS = [
  ['older', 'newer'],
  ['newer', 'older'],
] as const

describe.each(DIRECTIONS)('what the %s version writes', (writer, reader) => {
  test(`is listed, called, replaced and deleted by the ${reader} one`, async () => {
    const [one, other] = [gateways[writer], gateways[reader]]
    const name = `written-by-${writer}`
    await register(one, 'POST', tool(name))
    await until(async () => (await descriptionOf(other, name)) === 'first', 'the registration')
    expect(
      await ask(other, 'tools/call', { name, arguments: { ms: 0, text: 'hello' } }),
    ).toMatchObject(called('hello'))
    expect(await other.admin.get(`tool-${name}`)).toMatchObject({
      version: 1,
      status: { state: 'ready' },
    })

    await register(other, 'PUT', tool(name, { description: 'second' }))
    expect(await one.admin.get(`tool-${name}`)).toMatchObject({ version: 2 })
    await until(async () => (await descriptionOf(one, name)) === 'second', 'the replacement')

    // Another tool of the same function keeps the invoke permission of both.
    await register(one, 'POST', tool(`${name}-too`))
    await other.admin.remove(`tool-${name}`)
    await until(async () => (await descriptionOf(one, name)) === undefined, 'the deletion')
    for (const at of [one, other])
      expect(
        await ask(at, 'tools/call', { name: `${name}-too`, arguments: { ms: 0 } }),
      ).toMatchObject(called('done'))
    await other.admin.remove(`tool-${name}-too`)
    for await (const { id } of one.admin.list()) expect(id).not.toBe(`tool-${name}-too`)
  })

  test(`with the contract mcp works in the ${reader} one, round by round`, async () => {
    const [one, other] = [gateways[writer], gateways[reader]]
    const name = `asks-${writer}`
    await register(
      one,
      'POST',
      tool(name, {
        lambdaArn: functionArn('contract'),
        contract: 'mcp',
        parameters: { mode: 'string' },
      }),
    )
    const params = { name, arguments: { mode: 'rounds' } }
    await until(async () => (await descriptionOf(other, name)) !== undefined, 'the registration')
    let answer = await ask(one, 'tools/call', params)
    for (const at of [other, one, other]) {
      const requestState = answer?.result?.['requestState']
      const inputResponses = { next: { action: 'accept', content: { answer: 'yes' } } }
      answer = await ask(at, 'tools/call', { ...params, inputResponses, requestState })
    }
    expect(answer).toMatchObject(called('yes,yes,yes'))
    await other.admin.remove(`tool-${name}`)
  })
})

describe.each(DIRECTIONS)('a session that the %s version opens', (opener, other) => {
  const name = `session-${opener}`
  const call = (id: number, text: string) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: { ms: 0, text } },
  })
  beforeAll(async () => {
    await register(gateways.older, 'POST', tool(name))
    for (const at of [gateways.older, gateways.newer])
      await until(() => descriptionOf(at, name), 'the registration')
  })

  test(`on /mcp goes on in the ${other} one, and is closed by it`, async () => {
    const session = await openSession(gateways[opener])
    for (const at of [gateways[other], gateways[opener]])
      expect(await answerOf(await session.post(call(1, 'hello'), { at }))).toMatchObject(
        called('hello'),
      )
    expect((await session.remove({ at: gateways[other] })).ok).toBe(true)
    expect((await session.post(call(2, 'gone'))).status).toBe(404)
  })

  test('on /mcp keeps the response of a cut stream for the newer one', async () => {
    const session = await openSession(gateways[opener])
    const long = { ...call(1, 'late'), params: { name, arguments: { ms: 1_500, text: 'late' } } }
    const cut = eventsOf(await session.post(long))
    const first = await cut.next()
    await cut.close()
    if (opener === 'newer') {
      // The older version does not know the id. It says so, and the response stays.
      const refused = await session.get(first?.id, { at: gateways.older })
      expect([refused.status, await refused.text()]).toEqual([
        400,
        expect.stringContaining('send the request again'),
      ])
    }
    const resumed = await session.get(first?.id, { at: gateways.newer })
    expect(await answerOf(resumed)).toMatchObject({ id: 1, ...called('late') })
  })

  test.each([false, true])(
    `on /sse gets what is posted to the ${other} one, with resumption: %s`,
    async resumes => {
      const stream = await openRaw(
        gateways[opener],
        undefined,
        resumes ? { 'mcp-resume': '1' } : {},
      )
      const post = async (message: object, at: Gateway) =>
        expect((await postRaw(at, stream.endpoint, message)).status).toBe(202)
      await post(initialize, gateways[other])
      await stream.read(/"serverInfo"/)
      await post(initialized, gateways[other])
      for (const [n, at] of [gateways[other], gateways[opener], gateways[other]].entries()) {
        await post(call(10 + n, `text ${n}`), at)
        await stream.read(new RegExp(`text ${n}`))
      }
      await stream.close()
    },
  )
})

// A client that resumes looks at the header of the response, and initializes again without it.
test('a session of /sse that the older version cannot resume is not taken for resumed', async () => {
  const stream = await openRaw(gateways.newer, undefined, { 'mcp-resume': '1' })
  await postRaw(gateways.newer, stream.endpoint, initialize)
  const text = await stream.read(/"serverInfo"/)
  await stream.close()
  const last = [...text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
  const headers = { 'mcp-resume': '1', 'last-event-id': last }
  const again = await openRaw(gateways.older, undefined, headers)
  expect(again.response.headers.get('mcp-resume')).toBeNull()
  expect(again.endpoint).not.toBe(stream.endpoint)
  await again.close()
  const back = await openRaw(gateways.newer, undefined, headers)
  expect(back.response.headers.get('mcp-resume')).toBe('1')
  await back.close()
})
