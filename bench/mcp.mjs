// tools/call over /mcp, under a steady flow of requests.
import { SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

import { CALL, check, startGateway } from './gateway.mjs'
import { modernClient, sessionClient, statelessClient } from './requests.mjs'
import { latencies } from './table.mjs'
import { takeTurns } from './turns.mjs'

/** @param {import('./run.mjs').Options} options */
export default async function mcp({ times }) {
  const gateway = await startGateway()
  try {
    const sdk = new Client(
      { name: 'bench', version: '1.0.0' },
      { versionNegotiation: { mode: 'auto' } },
    )
    await sdk.connect(new SigV4StreamableHttpTransport(gateway.mcpUrl, gateway))
    /** @param {import('./requests.mjs').Send} client */
    const call = client => async () => check(await client('tools/call', CALL))
    const variants = {
      'direct invoke': gateway.invoke,
      'signed request, answered at once': gateway.health,
      'tools/call, 2026-07-28': call(modernClient(gateway)),
      'the same, by the SDK client': async () => check(await sdk.callTool(CALL)),
      'tools/call, 2025-11-25 without a session': call(statelessClient(gateway)),
      'tools/call, 2025-11-25 in a session': call(await sessionClient(gateway)),
    }
    await takeTurns(times(50), variants)
    const measured = await takeTurns(times(400), variants)
    await sdk.close()
    return latencies(measured, { to: 'direct invoke' })
  } finally {
    await gateway.close()
  }
}
