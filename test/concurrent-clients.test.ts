import { afterAll, beforeAll, expect, test } from 'vitest'

import { callTool, connect } from './support/clients.ts'
import { limit, times, together } from './support/concurrency.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'

const CLIENTS = 50
const CALLS = times(20, 5)
// On a busy machine the emulated table must answer within the 5 seconds that the gateway waits
// for it.
/** How many clients connect at the same time. */
const CONNECTING = 5
/** How many calls run at the same time. */
const CALLING = 20

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    environment: { POLL_BUSY_MS: '300', POLL_IDLE_MS: '300', IDLE_TIMEOUT_SECONDS: '600' },
  })
  await gateway.admin.registerTool({
    name: 'echo',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string', count: 'integer?' },
  })
})
afterAll(() => gateway.close())

// The time-out grows with the number of calls.
test(
  `${CLIENTS} clients with ${CALLS} calls each get every result once, and no process serves a POST while it holds a stream`,
  async () => {
    const [connecting, calling] = [limit(CONNECTING), limit(CALLING)]
    const clients = range(CLIENTS)
    const results = await together(CLIENTS, clients, async n => {
      const { client } = await connecting(() =>
        connect(gateway, 'SDK 2.x', '/sse over our transport'),
      )
      const got: string[] = []
      for (const text of textsOf(n)) {
        const params = { name: 'echo', arguments: { text } }
        const { structuredContent } = await calling(() =>
          callTool(client, params, { timeout: 120_000 }),
        )
        got.push((structuredContent as { event: { text: string } }).event.text)
      }
      return { client, got }
    })
    expect(results.map(it => it.got)).toEqual(clients.map(textsOf))

    const runs = gateway.invocations.filter(it => it.functionName === 'echo')
    expect(runs.length, 'each call ran once').toBe(CLIENTS * CALLS)
    const streams = new Set<number>()
    const shared: number[] = []
    for (const { path, pid } of gateway.invocations) {
      if (path === '/sse') streams.add(pid)
      // A process may serve a POST before it opens a stream, but not while it holds one.
      else if (path === '/message' && streams.has(pid)) shared.push(pid)
    }
    expect(streams.size, 'each stream has its own process').toBe(CLIENTS)
    expect(shared).toEqual([])
    await Promise.all(results.map(({ client }) => client.close()))
  },
  CLIENTS * CALLS * 600,
)

const range = (count: number) => Array.from({ length: count }, (_, n) => n)
const textsOf = (client: number) => range(CALLS).map(n => `client ${client} call ${n}`)
