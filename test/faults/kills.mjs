// The environment that serves a call ends at five moments of the call.
import { setTimeout as sleep } from 'node:timers/promises'

import { createLedger, ENDPOINTS } from './calls.mjs'

/** @typedef {import('./gateway.mjs').Gateway} Gateway */
/** @typedef {import('./calls.mjs').Endpoint} Endpoint */

/**
 * Each moment is a place at which the request of a call passes a proxy. The first request there
 * ends the environment.
 *
 * @type {Record<string, (gateway: Gateway, kill: () => void) => void>}
 */
const MOMENTS = {
  'the table is asked': ({ tables }, kill) => {
    tables.fault = atFirst(
      ({ when, operation }) => when === 'before' && operation !== 'Query',
      kill,
    )
  },
  'the table has answered': ({ tables }, kill) => {
    tables.fault = atFirst(
      ({ when, operation }) => when === 'after' && operation === 'UpdateItem',
      kill,
    )
  },
  'the function is invoked': ({ functions }, kill) => {
    functions.fault = atFirst(({ when }) => when === 'before', kill)
  },
  'the function runs': ({ functions }, kill) => {
    functions.fault = atFirst(({ when }) => {
      if (when === 'before') setTimeout(kill, RUN_MS / 2)
      return false
    }, kill)
  },
  'the function has returned': ({ functions }, kill) => {
    functions.fault = atFirst(({ when }) => when === 'after', kill)
  },
}

const RUN_MS = 600

/**
 * @param {Gateway} gateway
 * @param {{ moments?: string[], endpoints?: readonly Endpoint[], times?: number }} [options]
 */
export async function killEnvironments(
  gateway,
  { moments = Object.keys(MOMENTS), endpoints = ENDPOINTS, times = 1 } = {},
) {
  const rows = []
  for (const endpoint of endpoints) {
    for (const moment of moments) {
      const ledger = createLedger(gateway)
      for (let n = 0; n < times; n++) {
        const client = await ledger.connect(endpoint)
        const kill = () => gateway.kill(endpoint === '/sse' ? 'GET /sse' : 'POST /mcp')
        MOMENTS[moment]?.(gateway, kill)
        await client.call({ ms: RUN_MS })
        heal(gateway)
        await client.close()
        // A function that outlives its caller notes its run.
        await sleep(RUN_MS)
        await works(ledger, endpoint)
      }
      rows.push({ fault: `killed when ${moment}`, endpoint, ...ledger.counts() })
    }
  }
  return rows
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

/**
 * @param {(call: import('./proxy.mjs').Call) => boolean} is
 * @param {() => void} kill
 */
function atFirst(is, kill) {
  let isOver = false
  return (/** @type {import('./proxy.mjs').Call} */ call) => {
    if (!isOver && is(call)) {
      isOver = true
      kill()
    }
    return undefined
  }
}
