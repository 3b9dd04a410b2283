// The first request of an environment: its INIT at full speed, as a third party measured it, then
// the request at full speed and with the part of a processor that Lambda gives 512 and 256 MB.
// https://bitesizedserverless.com/bite/lambda-cold-start-bootstrap
import { setTimeout as sleep } from 'node:timers/promises'

import { processorMs } from './environments.mjs'
import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { createQuota } from './quota.mjs'
import { initialize, modernClient } from './requests.mjs'
import { table } from './table.mjs'
import { median, within } from './turns.mjs'

/** Environments that started before have finished their background work after this time. */
const PAUSE_MS = 300
/** A start that hangs fails instead. */
const MAX_MS = 60_000

/** @typedef {{ total: number, first: number, init: number, used: number }} Start milliseconds */

/** @param {import('./run.mjs').Options} options */
export default async function cold({ times, dutyCycle }) {
  const gateway = await startGateway()
  const quotas = {
    '2/7': createQuota(2 / 7, { dutyCycle }),
    '1/7': createQuota(1 / 7, { dutyCycle }),
  }
  const speeds = { 'full speed': undefined, ...quotas }
  const modern = modernClient(gateway)
  /** @type {Record<string, [string, () => Promise<unknown>]>} */
  const variants = {
    'hello world': ['hello', gateway.invoke],
    'GET /sse': [MCP, openStream],
    initialize: [MCP, () => initialize(gateway)],
    'server/discover': [MCP, () => modern('server/discover')],
    'tools/list': [MCP, () => modern('tools/list')],
    'tools/call': [MCP, async () => check(await modern('tools/call', CALL))],
  }
  try {
    /** @type {Record<string, Record<string, Start[]>>} */
    const starts = {}
    // The first round fills the caches of the machine.
    for (let round = 0; round <= times(12); round++)
      for (const [name, [fn, run]] of Object.entries(variants))
        for (const [speed, quota] of Object.entries(speeds)) {
          const start = await measure(fn, run, quota)
          if (round === 0) continue
          starts[name] ??= {}
          starts[name][speed] ??= []
          starts[name][speed].push(start)
        }
    return describe(starts, quotas['2/7'].kind)
  } finally {
    await gateway.close()
    for (const quota of Object.values(quotas)) await quota.close()
  }

  /**
   * @param {string} name of the function
   * @param {() => Promise<unknown>} run
   * @param {ReturnType<typeof createQuota>} [quota]
   * @returns {Promise<Start>}
   */
  async function measure(name, run, quota) {
    await gateway.invoke()
    await gateway.makeCold(name)
    await sleep(PAUSE_MS)
    let [pid, ready, init] = [0, 0, 0]
    gateway.onInit[name] = started => {
      quota?.apply(started)
      ;[pid, ready, init] = [started, performance.now(), processorMs(started)]
    }
    const started = performance.now()
    await within(MAX_MS, `the first request to ${name}`, run())
    const ended = performance.now()
    delete gateway.onInit[name]
    const used = processorMs(pid) - init
    await gateway.makeCold(name)
    return { total: ended - started, first: ended - ready, init, used }
  }

  async function openStream() {
    const { body } = await gateway.fetch(new URL('sse', gateway.mcpUrl))
    const reader = body?.getReader()
    await reader?.read()
    // It is not awaited: it resolves only when the environment notices it.
    void reader?.cancel()
  }
}

/**
 * @param {Record<string, Record<string, Start[]>>} starts
 * @param {string} kind of the quota
 */
function describe(starts, kind) {
  /** @param {string} name @param {string} speed @param {keyof Start} part */
  const p50 = (name, speed, part) => median((starts[name]?.[speed] ?? []).map(it => it[part]))
  const speeds = Object.keys(Object.values(starts)[0] ?? {})
  const names = Object.keys(starts)
  /** @param {string} name @param {string} speed */
  const compared = (name, speed) => {
    const total = p50(name, speed, 'total')
    return `${total.toFixed(0)} (${(total / p50('hello world', speed, 'total')).toFixed(2)})`
  }
  return [
    `Milliseconds from spawn to response, p50 of ${starts[names[0] ?? '']?.[speeds[0] ?? '']?.length}, and in parentheses the ratio to hello world. The quota is a ${kind} in periods of 20 ms, after INIT.`,
    table(
      ['', ...speeds],
      names.map(name => [name, ...speeds.map(speed => compared(name, speed))]),
    ),
    'Of these, the first request alone, without INIT:',
    table(
      ['', ...speeds.map(it => `first request, ${it}`), 'processor ms of INIT', 'of the request'],
      names.map(name => [
        name,
        ...speeds.map(speed => p50(name, speed, 'first').toFixed(0)),
        p50(name, 'full speed', 'init').toFixed(0),
        p50(name, 'full speed', 'used').toFixed(0),
      ]),
    ),
  ].join('\n\n')
}
