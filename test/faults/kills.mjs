// The environment that serves a call ends at five moments of the call.
import { setTimeout as sleep } from 'node:timers/promises'

import { createLedger, ENDPOINTS } from './calls.mjs'

/** @typedef {import('./gateway.mjs').Gateway} Gateway */
/** @typedef {import('./calls.mjs').Endpoint} Endpoint */

/**
 * Each moment is a place at which a request of the call passes a proxy: before it passes, or after
 * its response has come. The first request there ends the environment.
 *
 * @type {Record<string, { proxy: 'tables' | 'functions', when: 'before' | 'after', later?: number
 * }>}
 */
const MOMENTS = {
  'the table is asked': { proxy: 'tables', when: 'before' },
  'the table has answered': { proxy: 'tables', when: 'after' },
  'the function is invoked': { proxy: 'functions', when: 'before' },
  'the function runs': { proxy: 'functions', when: 'before', later: 300 },
  'the function has returned': { proxy: 'functions', when: 'after' },
}

/** How long the function runs, in milliseconds. */
const RUN_MS = 600
/** An environment knows the registry for a second. A call after it asks the table. */
const KNOWN_MS = 1_100
const MAX_ATTEMPTS = 5

/**
 * Kills until `times` kills have hit the moment.
 *
 * @param {Gateway} gateway
 * @param {{ moments?: string[], endpoints?: readonly Endpoint[], times?: number }} [options]
 */
export async function* killEnvironments(
  gateway,
  { moments = Object.keys(MOMENTS), endpoints = ENDPOINTS, times = 1 } = {},
) {
  for (const endpoint of endpoints) {
    for (const moment of moments) {
      const ledger = createLedger(gateway)
      let hits = 0
      for (let n = 0; hits < times && n < times * MAX_ATTEMPTS; n++) {
        const client = await ledger.connect(endpoint)
        if (MOMENTS[moment]?.proxy === 'tables') await sleep(KNOWN_MS)
        const isHit = killAt(gateway, endpoint, moment)
        await client.call({ ms: RUN_MS })
        heal(gateway)
        await client.close()
        // A function that outlives its caller notes its run.
        await sleep(RUN_MS)
        await works(ledger, endpoint)
        if (isHit()) hits += 1
      }
      const problem = hits < times ? `only ${hits} of ${times} kills hit the moment` : undefined
      const fault = `killed ${hits} times when ${moment}`
      yield { fault, endpoint, ...ledger.counts(), problem }
    }
  }
}

/**
 * Kills the environment at a moment of the next call. Returns whether it was running then.
 *
 * @param {Gateway} gateway
 * @param {Endpoint} endpoint
 * @param {string} moment
 */
function killAt(gateway, endpoint, moment) {
  const { proxy = 'tables', when, later = 0 } = MOMENTS[moment] ?? {}
  const [killed, posted] =
    endpoint === '/sse' ? ['GET /sse', 'POST /message'] : ['POST /mcp', 'POST /mcp']
  const before = gateway.invocationsOf(posted)
  let isOver = false
  let isHit = false
  const kill = () => {
    isHit = gateway.kill(killed)
  }
  gateway[proxy].fault = call => {
    // The stream asks the table all the time. A message of its client is written.
    const isOfCall =
      proxy === 'functions' || endpoint !== '/sse' || /^(Put|Update|Transact)/.test(call.operation)
    const isNow = call.when === when && isOfCall && gateway.invocationsOf(posted) > before
    if (isOver || !isNow) return undefined
    isOver = true
    if (later > 0) setTimeout(kill, later)
    else kill()
    return undefined
  }
  return () => isHit
}

/** @param {Gateway} gateway */
export function heal({ tables, functions }) {
  tables.fault = () => undefined
  functions.fault = () => undefined
}

/**
 * After a fault a new client works.
 *
 * @param {ReturnType<typeof createLedger>} ledger
 * @param {Endpoint} endpoint
 */
export async function works(ledger, endpoint) {
  const client = await ledger.connect(endpoint)
  if (!(await client.call())) throw new Error(`A call on ${endpoint} failed after the fault`)
  await client.close()
}
