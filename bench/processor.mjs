// Processor time of a call: of the mcp function's handler alone in one process, where a stub
// answers its invokes, and of an environment of the local gateway, beside that of a hello world.
// Other processes on the machine change it little.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { startStack } from '../test/fuzz/stack.mjs'
import { processorMs } from './environments.mjs'
import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'

/** The ends of the phases, in calls. An environment seldom serves as many as the last. */
const PHASES = [100, 1_000, 5_000]

/** @param {import('./run.mjs').Options} options */
export default async function processor({ times }) {
  const phases = PHASES.map(times)
  const inProcess = await handlerAlone(phases)
  const { hello, modern, session } = await environments(phases)
  /** @param {number[]} own */
  const compared = own =>
    own.map((ms, n) => `${ms.toFixed(2)} (${(ms / (hello[n] ?? 0)).toFixed(2)})`)
  return table(
    ['processor ms of a call', `to ${phases[0]}`, `to ${phases[1]}`, `the rest, to ${phases[2]}`],
    [
      ['in one process, 2026-07-28', ...(inProcess['modern'] ?? []).map(it => it.toFixed(2))],
      ['in one process, in a session', ...(inProcess['session'] ?? []).map(it => it.toFixed(2))],
      ['environment of hello world', ...compared(hello)],
      ['environment, 2026-07-28', ...compared(modern)],
      ['environment, in a session', ...compared(session)],
    ],
  )
}

/**
 * @param {number[]} phases
 * @param {Record<string, string>} [more] settings of the function
 * @returns {Promise<Record<string, number[]>>} milliseconds by kind of call
 */
export async function handlerAlone(phases, more = {}) {
  const { dist, environment, close } = await startStack()
  const stub = createServer((request, response) => {
    request.resume().on('end', () => response.end('"Hello, bench!"'))
  }).listen(0, '127.0.0.1')
  await once(stub, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (stub.address())
  const settings = {
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
    SERVER_PUSH: 'off',
    // As in the template. METRICS shows what metrics cost.
    AWS_LAMBDA_LOG_LEVEL: 'INFO',
    METRICS: process.env['METRICS'] ?? 'off',
    ...more,
  }
  try {
    /** @type {Record<string, number[]>} */
    const found = {}
    for (const kind of ['modern', 'session']) {
      const script = fileURLToPath(new URL('handler-process.mjs', import.meta.url))
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [script, dist, kind, ...phases.map(String)],
        { env: { ...process.env, ...environment, ...settings }, maxBuffer: 2 ** 30 },
      )
      // The entries of the calls come first.
      found[kind] = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    }
    return found
  } finally {
    stub.closeAllConnections()
    stub.close()
    await close()
  }
}

/** @param {number[]} phases */
async function environments(phases) {
  const first = await startGateway({ concurrency: 1 })
  const second = await startGateway({ concurrency: 1 })
  try {
    const call = (/** @type {import('./requests.mjs').Send} */ send) => async () =>
      check(await send('tools/call', CALL))
    const modern = await perCall(call(modernClient(first)), () => first.pids(MCP), phases)
    const inSession = call(await sessionClient(second))
    const session = await perCall(inSession, () => second.pids(MCP), phases)
    // A new environment of the function, since the calls have warmed up the first one.
    await first.makeCold('hello')
    const hello = await perCall(first.invoke, () => first.pids('hello'), phases)
    return { hello, modern, session }
  } finally {
    await Promise.all([first.close(), second.close()])
  }
}

/**
 * @param {() => Promise<unknown>} run
 * @param {() => number[]} pids
 * @param {number[]} phases
 */
async function perCall(run, pids, phases) {
  await run()
  const [pid = 0] = pids()
  const found = []
  let [done, before] = [0, processorMs(pid)]
  for (const end of phases) {
    const calls = end - done
    for (; done < end; done++) await run()
    const now = processorMs(pid)
    found.push((now - before) / calls)
    before = now
  }
  if (pids().join() !== String(pid)) throw new Error('more than one environment served the calls')
  return found
}
