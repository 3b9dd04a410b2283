import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client as Client2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

import { callTool, info, onListChanged, textOf } from './support/clients.ts'
import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ push: true })
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { log: 'string?', ms: 'integer?', text: 'string?' },
  })
  await gateway.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string' },
  })
  await gateway.admin.registerResource({
    name: 'notes',
    lambdaArn: functionArn('notes'),
    uriTemplate: 'notes://{id}',
  })
})
afterAll(() => gateway.close())

const clients: [string, () => Client2][] = [
  // It answers like 2.x's and only types it differently.
  ['SDK 1.x', () => new Client1(info) as unknown as Client2],
  ['SDK 2.x', () => new Client2(info)],
]

describe.each(clients)(
  'the client of %s, after the gateway has forgotten its session',
  (_, create) => {
    async function connected() {
      const client = create()
      onTestFinished(() => client.close())
      const { mcpUrl: url, region, credentials } = gateway
      const sent: string[] = []
      const fetch: typeof globalThis.fetch = async (input, init) => {
        const request = new Request(input, init)
        if (request.method === 'POST') sent.push((await request.clone().json()).method)
        return globalThis.fetch(request)
      }
      const transport = new SigV4StreamableHttpTransport(url, { region, credentials, fetch })
      const heard: string[] = []
      transport.onmessage = ({ method, params }) => {
        const { uri, level } = (params ?? {}) as { uri?: string; level?: string }
        if (method) heard.push(`${method} ${uri ?? level ?? ''}`.trim())
      }
      transport.onerror = error => heard.push(`error ${error.message}`)
      transport.onclose = () => heard.push('closed')
      await client.connect(transport)
      const introductions = () => sent.filter(it => it === 'initialize').length
      return { client, transport, heard, introductions }
    }

    /** Behind the client's back. */
    async function forget({ sessionId = '' }: SigV4StreamableHttpTransport) {
      const headers = { 'mcp-session-id': sessionId, 'mcp-protocol-version': '2025-11-25' }
      const url = new URL('mcp', gateway.mcpUrl)
      expect((await gateway.fetch()(url, { method: 'DELETE', headers })).status).toBe(200)
    }

    test('goes on with its log level and its subscriptions', async () => {
      const { client, transport, heard } = await connected()
      const changed: unknown[] = []
      onListChanged(client, () => changed.push(1))
      const uri = `notes://${randomUUID()}`
      await client.subscribeResource({ uri })
      await client.setLoggingLevel('error')
      const { sessionId } = transport
      await forget(transport)

      const logs = () => heard.filter(it => it.startsWith('notifications/message'))
      const result = await callTool(client, { name: 'contract', arguments: { mode: 'logs' } }, {})
      expect(textOf(result)).toBe('logged')
      expect(transport.sessionId).not.toBe(sessionId)
      expect(logs()).toEqual(['notifications/message error'])
      // Nobody knows what has changed between the sessions.
      await until(() => changed.length > 0, 'the list of tools')

      const updates = () => heard.filter(it => it === `notifications/resources/updated ${uri}`)
      await until(() => updates().length === 1, 'what may have been missed')
      await gateway.admin.announceUpdate('resource-notes', { uri })
      await until(() => updates().length === 2, 'the note')
      expect(heard.filter(it => /^error|closed/.test(it))).toEqual([])
    })

    test('makes twenty calls at once in one new session, each once', async () => {
      const { client, transport, heard, introductions } = await connected()
      const log = join(tmpdir(), randomUUID())
      await forget(transport)
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          callTool(client, { name: 'wait', arguments: { log, ms: 50, text: `${n}` } }, {}),
        ),
      )
      expect(results.map(textOf)).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`))
      expect(existsSync(log) && readFileSync(log, 'utf8').match(/ran/g)).toHaveLength(20)
      expect(introductions()).toBe(2)
      expect(heard.filter(it => /^error|closed/.test(it))).toEqual([])
    })

    test('gets notifications again without sending a message', async () => {
      const { client, transport, heard } = await connected()
      const uri = `notes://${randomUUID()}`
      await client.subscribeResource({ uri })
      const { sessionId } = transport
      await forget(transport) // which ends the stream of GET /mcp
      await until(() => transport.sessionId !== sessionId, 'another session')
      const updates = () => heard.filter(it => it.endsWith(uri)).length
      await until(() => updates() === 1, 'what may have been missed')
      await gateway.admin.announceUpdate('resource-notes', { uri })
      await until(() => updates() === 2, 'the note')
      expect(heard.filter(it => /^error|closed/.test(it))).toEqual([])
    })
  },
)
