// The first request of an environment, its start included.
import { setTimeout as sleep } from 'node:timers/promises'

import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { initialize, modernClient } from './requests.mjs'
import { latencies } from './table.mjs'
import { takeTurns } from './turns.mjs'

/** What was started before is done with what it does in the background. */
const PAUSE_MS = 300

export default async function cold({ times }) {
  const gateway = await startGateway()
  try {
    const modern = modernClient(gateway)
    const variants = {
      'hello world': first('hello', gateway.invoke),
      'GET /sse, to its first event': first(MCP, openStream),
      'initialize, 2025-11-25': first(MCP, () => initialize(gateway)),
      'server/discover, 2026-07-28': first(MCP, () => modern('server/discover')),
      'tools/call of a warm function, 2026-07-28': first(MCP, async () =>
        check(await modern('tools/call', CALL)),
      ),
    }
    await takeTurns(1, variants)
    return latencies(await takeTurns(times(12), variants), { to: 'hello world' })
  } finally {
    await gateway.close()
  }

  function first(name, run) {
    return async () => {
      await gateway.invoke()
      await gateway.makeCold(name)
      await sleep(PAUSE_MS)
      const started = performance.now()
      await run()
      return performance.now() - started
    }
  }

  async function openStream() {
    const { body } = await gateway.fetch(new URL('sse', gateway.mcpUrl))
    const reader = body.getReader()
    await reader.read()
    // Not waited for: it takes as long as the environment does not find out.
    void reader.cancel()
  }
}
