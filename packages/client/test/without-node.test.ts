import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { type BuildOptions, build } from 'esbuild'
import { beforeAll, describe, expect, test, vi } from 'vitest'

import type * as Client from '../src/index.ts'
import { serve } from './support/server.ts'
import { KEY, REGION, refusalOf } from './support/verifier.ts'

/** What browsers and Workers have in common. There is no `process` and no `Buffer`. */
const { AbortController, AbortSignal, btoa, crypto, DOMException, fetch, Headers } = globalThis
const { MessageChannel, Request, Response, setTimeout, clearTimeout } = globalThis
const { TextDecoder, TextEncoder, URL } = globalThis
const WEB = {
  ...{ AbortController, AbortSignal, btoa, crypto, DOMException, fetch, Headers },
  ...{ MessageChannel, Request, Response, setTimeout, clearTimeout },
  ...{ TextDecoder, TextEncoder, URL },
}

/** https://bugzilla.mozilla.org/show_bug.cgi?id=1387483 */
class RequestOfFirefox extends Request {}
Object.defineProperty(RequestOfFirefox.prototype, 'body', { value: undefined })

/** https://github.com/mdn/browser-compat-data/issues/29708 */
const fetchOfSafari: typeof fetch = async (...request) => {
  const response = await fetch(...request)
  if (response.body)
    Object.defineProperty(response.body, Symbol.asyncIterator, { value: undefined })
  return response
}

/** What some of them lack. */
const HOSTS: [name: string, globals: Partial<typeof WEB>][] = [
  ['Chromium', WEB],
  ['Firefox, whose requests have no body stream', { ...WEB, Request: RequestOfFirefox }],
  ['Safari, whose streams have no iterator', { ...WEB, fetch: fetchOfSafari }],
  [
    'Workers before 2025-08-15, which have no MessageChannel',
    Object.fromEntries(Object.entries(WEB).filter(([name]) => name !== 'MessageChannel')),
  ],
]

const BUNDLES: Record<string, BuildOptions> = {
  'esbuild --platform=browser': { platform: 'browser' },
  'esbuild --conditions=workerd': { conditions: ['workerd'] },
}

describe.each(Object.entries(BUNDLES))('a bundle of %s', (_, options) => {
  let client: typeof Client
  let script: string

  beforeAll(async () => {
    const { outputFiles } = await build({
      ...options,
      entryPoints: [fileURLToPath(import.meta.resolve('@markvp/mcp-lambda-sam-client'))],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'client',
      logLevel: 'silent',
    })
    script = outputFiles?.[0]?.text ?? ''
    client = run(WEB)
  })

  function run(globals: Partial<typeof WEB>): typeof Client {
    const context = createContext({ ...globals })
    runInContext(script, context)
    return runInContext('client', context)
  }

  test.each(HOSTS)('sends, and reads JSON and event streams, in %s', async (_name, globals) => {
    const { url } = await serve((request, response) => {
      if (refusalOf(request, KEY)) return response.writeHead(403).end()
      const { id } = JSON.parse(request.body.toString())
      const message = JSON.stringify({ jsonrpc: '2.0', id, result: {} })
      const type = id === 'json' ? 'application/json' : 'text/event-stream'
      response.writeHead(200, { 'content-type': type })
      response.end(id === 'json' ? message : `data: ${message}\n\ndata: ${message}\n\n`)
    })
    const { SigV4StreamableHttpTransport } = run(globals)
    const transport = new SigV4StreamableHttpTransport(url, { credentials: KEY, region: REGION })
    const responses: unknown[] = []
    transport.onmessage = ({ id }) => responses.push(id)
    await transport.start()
    for (const id of ['json', 'stream']) await transport.send({ jsonrpc: '2.0', id, method: 'x' })
    await vi.waitUntil(() => responses.length === 3)
    await transport.close()
    expect(responses).toEqual(['json', 'stream', 'stream'])
  })

  test('says that a session is lost', async () => {
    const { url } = await serve(({ body }, response) => {
      const { id, method } = JSON.parse(body.toString())
      if (method !== 'initialize') return response.writeHead(404).end()
      const result = { protocolVersion: '2025-11-25', capabilities: {} }
      const headers = { 'content-type': 'application/json', 'mcp-session-id': 's-1' }
      response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    })
    const { SigV4StreamableHttpTransport } = client
    const transport = new SigV4StreamableHttpTransport(url, { credentials: KEY, region: REGION })
    const onclose = vi.fn()
    transport.onclose = onclose
    await transport.start()
    const params = { protocolVersion: '2025-11-25', capabilities: {} }
    await transport.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
    await expect(
      transport.send({ jsonrpc: '2.0', id: 2, method: 'tools/list' }),
    ).rejects.toMatchObject({ code: 'session_not_found' })
    await vi.waitUntil(() => onclose.mock.calls.length === 1)
  })

  test('signs a request with the portable hash', async () => {
    const { url, received } = await serve((_request, response) => response.end('signed'))
    const signed = client.signedFetch({ credentials: KEY, region: REGION })
    const response = await signed(`${url}/ä?q=one two`, { method: 'POST', body: '{"ä":"日本"}' })

    expect(await response.text()).toBe('signed')
    expect(received.map(it => refusalOf(it, KEY))).toEqual([undefined])
  })

  test('says that credentials must be passed', async () => {
    const signed = client.signedFetch({ region: REGION })
    await expect(signed('http://127.0.0.1/')).rejects.toMatchObject({
      code: 'no_credentials',
      hint: expect.stringContaining('Pass the option "credentials"'),
    })
  })
})
