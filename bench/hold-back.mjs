// /sse where each chunk is delivered with the next one, as Lambda may do, against a gateway that
// delivers at once. The difference is the pause before the comment that pushes an event out.
import { SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

import { CALL, check, startGateway } from './gateway.mjs'
import { latencies } from './table.mjs'
import { takeTurns } from './turns.mjs'

/** @param {import('./run.mjs').Options} options */
export default async function holdBack({ times }) {
  const gateways = await Promise.all([startGateway(), startGateway({ holdBack: true })])
  try {
    const [plain, heldBack] = gateways
    const warm = { plain: await connect(plain), heldBack: await connect(heldBack) }
    const connects = await takeTurns(times(20), {
      'connect, delivered at once': async () => (await connect(plain)).close(),
      'connect, held back': async () => (await connect(heldBack)).close(),
    })
    const calls = await takeTurns(times(100), {
      'tools/call, delivered at once': async () => check(await warm.plain.callTool(CALL)),
      'tools/call, held back': async () => check(await warm.heldBack.callTool(CALL)),
    })
    await Promise.all(Object.values(warm).map(client => client.close()))
    return [
      latencies(connects, { to: 'connect, delivered at once' }),
      latencies(calls, { to: 'tools/call, delivered at once' }),
    ].join('\n\n')
  } finally {
    await Promise.all(gateways.map(gateway => gateway.close()))
  }
}

/** @param {import('./gateway.mjs').Gateway} gateway */
async function connect(gateway) {
  const client = new Client({ name: 'bench', version: '1.0.0' })
  await client.connect(new SigV4SseTransport(gateway.mcpUrl, gateway))
  return client
}
