import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import { afterAll, expect, test } from 'vitest'

import { startStack } from './fuzz/stack.mjs'
import { times } from './support/concurrency.ts'

const CALLS = times(20_000, 4_000)
const AT_ONCE = 64
const CALLERS = ['ann', 'ben']
const LATE = 'The function could not be invoked (TimeoutError)'
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })

const closers: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

/** The Lambda API, which responds at once with what it was told. */
async function lambdaApi(): Promise<string> {
  const server = createServer(async (request, response) => {
    const event = JSON.parse((await buffer(request)).toString())
    const context = Buffer.from(String(request.headers['x-amz-client-context']), 'base64')
    const { mcp } = JSON.parse(context.toString()).custom
    response.end(JSON.stringify({ event, mcp }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => server.closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function startHost(): Promise<number> {
  const { dist, environment, close } = await startStack()
  closers.push(close)
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('support/http-host.mjs', import.meta.url)), dist],
    {
      env: { ...process.env, ...environment, AWS_ENDPOINT_URL_LAMBDA: await lambdaApi() },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  closers.push(() => child.kill())
  const [port] = await once(child.stdout, 'data')
  return Number(port)
}

/** One request to the host. Resolves with its headers and the JSON-RPC message. */
async function send(
  port: number,
  caller: string,
  body: object,
  headers: Record<string, string> = {},
) {
  const sent = request({
    agent,
    port,
    host: '127.0.0.1',
    path: '/mcp',
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      caller,
      ...headers,
    },
  })
  sent.end(JSON.stringify({ jsonrpc: '2.0', ...body }))
  const [response] = await once(sent, 'response')
  const received = await text(response)
  const json = /^data: (.+)$/m.exec(received)?.[1] ?? received
  return { headers: response.headers as Record<string, string>, message: JSON.parse(json) }
}

const clientInfo = (caller: string) => ({ name: `client of ${caller}`, version: '1' })

async function openSession(port: number, caller: string): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: clientInfo(caller) }
  const { headers } = await send(port, caller, { id: 0, method: 'initialize', params })
  return headers['mcp-session-id'] ?? ''
}

const stateless = (caller: string) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': clientInfo(caller),
  'io.modelcontextprotocol/clientCapabilities': {},
})

test(`${CALLS} calls of two callers in one process, ${AT_ONCE} at a time, are never mixed up`, async () => {
  const port = await startHost()
  const sessions = new Map<string, string>()
  for (const caller of CALLERS) sessions.set(caller, await openSession(port, caller))
  const wrong: unknown[] = []
  let late = 0
  let next = 0

  async function work() {
    for (let n = next++; n < CALLS; n = next++) {
      const caller = CALLERS[n % 2] ?? ''
      const inSession = n % 4 > 1
      const name = n % 3 === 0 ? 'loose' : 'constructor'
      const params = { name, arguments: { text: `${caller} ${n}` } }
      const { message } = await (inSession
        ? send(
            port,
            caller,
            { id: n, method: 'tools/call', params },
            { 'mcp-session-id': sessions.get(caller) ?? '' },
          )
        : send(
            port,
            caller,
            { id: n, method: 'tools/call', params: { ...params, _meta: stateless(caller) } },
            {
              'mcp-protocol-version': '2026-07-28',
              'mcp-method': 'tools/call',
              'mcp-name': name,
            },
          ))
      const { event, mcp } = message.result?.structuredContent ?? {}
      const isRight =
        message.id === n &&
        event?.text === `${caller} ${n}` &&
        mcp.name === name &&
        mcp.caller.arn === `arn:aws:iam::000000000000:user/${caller}` &&
        mcp.clientInfo.name === `client of ${caller}` &&
        mcp.sessionId === (inSession ? sessions.get(caller) : undefined)
      // A busy machine may not answer an invoke within the seconds that the gateway waits.
      if (message.id === n && message.result?.content?.[0]?.text === LATE) late++
      else if (!isRight) wrong.push({ n, message })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  expect(wrong).toEqual([])
  expect(late).toBeLessThan(CALLS / 100)
}, 240_000)
