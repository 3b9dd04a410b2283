// tools/call over /sse, under a steady flow of requests and after a pause.
import { setTimeout as sleep } from 'node:timers/promises'

import { SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

import { CALL, check, startGateway } from './gateway.mjs'
import { latencies } from './table.mjs'
import { takeTurns } from './turns.mjs'

const PAUSE_MS = 3_000

/** @param {import('./run.mjs').Options} options */
export default async function sse({ times }) {
  const gateway = await startGateway()
  try {
    const client = new Client({ name: 'bench', version: '1.0.0' })
    await client.connect(new SigV4SseTransport(gateway.mcpUrl, gateway))
    const call = async () => check(await client.callTool(CALL))
    const variants = { 'direct invoke': gateway.invoke, 'tools/call over /sse': call }
    await takeTurns(times(30), variants)
    const busy = await takeTurns(times(300), variants)
    const idle = await takeTurns(times(15), {
      'direct invoke': gateway.invoke,
      [`tools/call over /sse, ${PAUSE_MS / 1000} s apart`]: async () => {
        await sleep(PAUSE_MS)
        const started = performance.now()
        await call()
        return performance.now() - started
      },
    })
    await client.close()
    return latencies({ ...idle, ...busy }, { to: 'direct invoke' })
  } finally {
    await gateway.close()
  }
}
