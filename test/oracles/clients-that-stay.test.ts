import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { startProxy } from '../conformance/proxy.mjs'
import { functionArn, type Gateway, startGateway, until } from '../support/gateway.ts'

// "npm run clients-that-stay" runs this file with the clients that it could get.
const { PYTHON_MCP_1, PYTHON_MCP_2, GO_CLIENT } = process.env
const PYTHON_SOURCE = fileURLToPath(new URL('clients/python/stay.py', import.meta.url))
const CLIENTS: [name: string, command: string | undefined, args: string[]][] = [
  ['mcp 1.x for Python', PYTHON_MCP_1, [PYTHON_SOURCE]],
  ['mcp 2.x for Python', PYTHON_MCP_2, [PYTHON_SOURCE]],
  ['go-sdk', GO_CLIENT, ['go-sdk']],
  ['mcp-go', GO_CLIENT, ['mcp-go']],
]

const QUIET_MS = 2_000

let gateway: Gateway
let proxy: Awaited<ReturnType<typeof startProxy>>
beforeAll(async () => {
  // Push is off, as it is by default.
  gateway = await startGateway()
  await gateway.admin.registerTool({ name: 'echo', lambdaArn: functionArn('echo'), parameters: {} })
  // It signs the requests, so that no client has to.
  const { mcpUrl, region, credentials } = gateway
  proxy = await startProxy({ gateways: [mcpUrl], region, credentials })
})
afterAll(() => Promise.all([gateway?.close(), proxy?.close()]))

/** The processes that run an invocation. The local gateway stops a process between two of them. */
function busy(): number[] {
  const pids = new Set(gateway.invocations.filter(it => it.path === '/mcp').map(it => it.pid))
  const { stdout } = spawnSync('ps', ['-o', 'stat=,pid=', '-p', [...pids].join()], {
    encoding: 'utf8',
  })
  return stdout
    .trim()
    .split('\n')
    .filter(line => !line.trim().startsWith('T'))
    .map(line => Number(line.trim().split(/\s+/)[1]))
}

for (const [name, command, args] of CLIENTS)
  test.skipIf(!command)(`${name} connects and stays, and holds no environment`, async () => {
    const from = gateway.invocations.length
    const client = spawn(command ?? '', [...args, `${proxy.url}mcp`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = once(client, 'exit')
    try {
      const [line] = await Promise.race([once(createInterface(client.stdout), 'line'), ended])
      expect(line).toBe('ready')
      expect(gateway.invocations.length).toBeGreaterThan(from)
      // Some ask for a stream a little later, and are told that there is none.
      let { length } = gateway.invocations
      let quietSince = Date.now()
      await until(() => {
        if (gateway.invocations.length > length) quietSince = Date.now()
        length = gateway.invocations.length
        return Date.now() - quietSince > QUIET_MS
      }, 'the client to send nothing more')
      // A client that is gone would be noticed after 45 seconds at the earliest.
      await until(() => busy().length === 0, 'all environments to be free', 10_000)
      expect(client.exitCode).toBeNull()
    } finally {
      client.stdin.end()
      await ended
    }
  })
