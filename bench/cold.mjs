// The first request of an environment, including the start of the environment.
import { setTimeout as sleep } from 'node:timers/promises'

import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { initialize, modernClient } from './requests.mjs'
import { latencies } from './table.mjs'
import { takeTurns } from './turns.mjs'

/** Environments that started before have finished their background work after this time. */
const PAUSE_MS = 300

/** @param {import('./run.mjs').Options} options */
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

  /**
   * Ends the environments of a function, and times the request that starts one.
   *
   * @param {string} name
   * @param {() => Promise<unknown>} run
   */
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
    const reader = body?.getReader()
    await reader?.read()
    // It is not awaited: it resolves only when the environment notices it.
    void reader?.cancel()
  }
}
