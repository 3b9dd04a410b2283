import { afterAll, beforeAll, expect, test } from 'vitest'

import { connect } from './support/clients.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { startTablesProxy } from './support/tables-proxy.ts'

let gateway: Gateway
let tables: Awaited<ReturnType<typeof startTablesProxy>>
beforeAll(async () => {
  tables = await startTablesProxy()
  gateway = await startGateway({ environment: { AWS_ENDPOINT_URL_DYNAMODB: tables.url } })
  tables.to(gateway.dynamodbUrl)
  const { admin } = gateway
  const notes = functionArn('notes')
  await admin.registerTool({ name: 'echo', lambdaArn: functionArn('echo'), parameters: {} })
  await admin.registerResource({ name: 'board', lambdaArn: notes, uri: 'board://main' })
  await admin.registerResource({ name: 'notes', lambdaArn: notes, uriTemplate: 'notes://{id}' })
  await admin.registerPrompt({
    name: 'greet',
    lambdaArn: functionArn('greet'),
    arguments: [{ name: 'name' }],
  })
})
afterAll(async () => {
  await gateway?.close()
  tables?.close()
})

/** What was read of the registrations meanwhile: the types that were listed, and single ones. */
async function readBy(work: () => Promise<unknown>) {
  const from = tables.requests.length
  await work()
  const read = tables.requests.slice(from).flatMap(({ operation, input }) => {
    if (!String(input['TableName']).includes('Registration')) return []
    if (operation === 'Query') {
      const values = input['ExpressionAttributeValues'] as Record<string, { S: string }>
      return [`all of ${values[':type']?.S}`]
    }
    const { type, name } = input['Key'] as Record<string, { S: string }>
    return type?.S === '#catalogue' ? [] : [`${type?.S} ${name?.S}`]
  })
  return [...new Set(read)]
}

const seen: string[] = []

// Another environment may serve a request, and read again what the first one has read.
test.each(['SDK 2.x', 'SDK 2.x, 2026-07-28'] as const)(
  'for %s the gateway reads only the type that a request is about',
  async sdk => {
    const { client } = await connect(gateway, sdk, '/mcp over our transport')
    const complete = (ref: Parameters<typeof client.complete>[0]['ref']) =>
      client.complete({ ref, argument: { name: 'name', value: '' } })
    const cases: [allowed: string, work: () => Promise<unknown>][] = [
      ['prompt greet', () => complete({ type: 'ref/prompt', name: 'greet' })],
      ['all of resource', () => client.readResource({ uri: 'board://main' })],
      ['all of resource', () => client.readResource({ uri: 'notes://7' })],
      ['all of resource', () => complete({ type: 'ref/resource', uri: 'notes://{id}' })],
      ['all of resource', () => client.listResourceTemplates()],
      ['all of tool', () => client.listTools()],
      ['all of prompt', () => client.listPrompts()],
    ]
    for (const [allowed, work] of cases) {
      const read = await readBy(work)
      seen.push(...read)
      expect([allowed]).toEqual(expect.arrayContaining(read))
    }
    await client.close()
  },
)

test('everything was read, each once at least', () => {
  const every = ['prompt greet', 'all of resource', 'all of tool', 'all of prompt']
  expect(seen).toEqual(expect.arrayContaining(every))
})
