// Other ways to serve a tool from Lambda, on the same emulated Lambda: the tool runs in the process
// of the server, so there is one hop where the gateway has two. npm installs them in .cache; where
// it cannot, they are skipped.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { urlEvent } from '../test/fuzz/gateway.mjs'
import { CALL, check, HELLO, startGateway } from './gateway.mjs'
import { modernClient } from './requests.mjs'
import { latencies } from './table.mjs'
import { takeTurns } from './turns.mjs'

const FOLDER = fileURLToPath(new URL('../.cache/peers/', import.meta.url))
const PACKAGES = [
  '@modelcontextprotocol/server@2.4.0',
  // The last ones whose schemas are of zod 3, as middy-mcp expects.
  '@modelcontextprotocol/sdk@1.12.1',
  'middy-mcp@0.1.6',
  '@middy/core@6.4.5',
  'zod@3.25.76',
  'zod-4@npm:zod@4.6.7',
]

const SDK = `
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod-4'
const mcp = createMcpHandler(() => {
  const server = new McpServer({ name: 'peer', version: '1.0.0' })
  server.registerTool('hello', { inputSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    content: [{ type: 'text', text: 'Hello, ' + name + '!' }],
  }))
  return server
})
export async function handler({ headers, body }) {
  const request = new Request('https://peer.example/mcp', { method: 'POST', headers, body })
  const response = await mcp.fetch(request)
  return { statusCode: response.status, body: await response.text() }
}
`
const MIDDY = `
import middy from '@middy/core'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import mcp from 'middy-mcp'
import { z } from 'zod'
const server = new McpServer({ name: 'peer', version: '1.0.0' })
server.tool('hello', { name: z.string() }, async ({ name }) => ({
  content: [{ type: 'text', text: 'Hello, ' + name + '!' }],
}))
export const handler = middy().use(mcp({ server }))
`

/** @param {import('./run.mjs').Options} options */
export default async function peers({ times }) {
  const problem = install()
  if (problem) return `SKIPPED: npm could not install the peers: ${problem}`
  const gateway = await startGateway({ functions: `${FOLDER}functions` })
  try {
    const modern = modernClient(gateway)
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const variants = {
      'direct invoke': gateway.invoke,
      'tools/call, 2026-07-28': async () => check(await modern('tools/call', CALL)),
      'createMcpHandler of the SDK, with the tool in it': () =>
        call('sdk', { ...CALL, _meta: meta }, '2026-07-28'),
      'middy-mcp, with the tool in it': () => call('middy', CALL, '2025-06-18'),
    }
    await takeTurns(times(50), variants)
    return latencies(await takeTurns(times(300), variants), { to: 'direct invoke' })
  } finally {
    await gateway.close()
  }

  /**
   * @param {string} name of the function
   * @param {object} params
   * @param {string} version
   */
  async function call(name, params, version) {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      'mcp-method': 'tools/call',
      'mcp-name': HELLO.name,
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const event = urlEvent({ method: 'POST', path: '/mcp', headers, body })
    const url = new URL(`2015-03-31/functions/${name}/invocations`, gateway.lambdaUrl)
    const response = await gateway.fetch(url, { method: 'POST', body: JSON.stringify(event) })
    const text = await response.text()
    if (!text.includes('Hello, bench!')) throw new Error(`${name} failed: ${text}`)
  }
}

/** Returns what went wrong. */
function install() {
  mkdirSync(`${FOLDER}functions`, { recursive: true })
  const manifest = { private: true, type: 'module' }
  writeFileSync(`${FOLDER}package.json`, JSON.stringify(manifest))
  writeFileSync(`${FOLDER}functions/sdk.mjs`, SDK)
  writeFileSync(`${FOLDER}functions/middy.mjs`, MIDDY)
  const hello = "export const handler = async ({ name }) => 'Hello, ' + name + '!'\n"
  writeFileSync(`${FOLDER}functions/hello.mjs`, hello)
  if (existsSync(`${FOLDER}node_modules/middy-mcp`)) return undefined
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES]
  const { status, stderr, error } = spawnSync('npm', args, {
    cwd: FOLDER,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  return error?.message ?? (status === 0 ? undefined : stderr.trim().split('\n').at(-1))
}
