// The tables refuse, fail, are slow, or lose connections while clients call.
import { createLedger, ENDPOINTS } from './calls.mjs'
import { heal, works } from './kills.mjs'

/** @typedef {import('./gateway.mjs').Gateway} Gateway */
/** @typedef {import('./proxy.mjs').Fault} Fault */
/** @typedef {import('./calls.mjs').Endpoint} Endpoint */

/**
 * Each fault hits a part of the requests.
 *
 * @type {Record<string, { part: number, when: 'before' | 'after', fault: Fault }>}
 */
const FAULTS = {
  'table throttles half of the requests': {
    part: 0.5,
    when: 'before',
    fault: { status: 400, type: 'ProvisionedThroughputExceededException' },
  },
  'table throttles every request': {
    part: 1,
    when: 'before',
    fault: { status: 400, type: 'ThrottlingException' },
  },
  'table denies every request': {
    part: 1,
    when: 'before',
    fault: { status: 400, type: 'AccessDeniedException' },
  },
  'table fails half of the time': {
    part: 0.5,
    when: 'before',
    fault: { status: 500, type: 'InternalServerError' },
  },
  'table is slow': { part: 0.5, when: 'before', fault: { pauseMs: 700 } },
  'requests to the table are lost': { part: 0.3, when: 'before', fault: 'cut' },
  'responses of the table are lost': { part: 0.3, when: 'after', fault: 'cut' },
}

/**
 * @param {Gateway} gateway
 * @param {{
 *   faults?: string[],
 *   endpoints?: readonly Endpoint[],
 *   clients?: number,
 *   calls?: number,
 * }} [options]
 */
export async function* breakTables(
  gateway,
  { faults = Object.keys(FAULTS), endpoints = ENDPOINTS, clients: count = 3, calls = 10 } = {},
) {
  for (const name of faults) {
    const { part = 0, when, fault } = FAULTS[name] ?? {}
    for (const endpoint of endpoints) {
      const ledger = createLedger(gateway)
      const clients = await Promise.all(
        Array.from({ length: count }, () => ledger.connect(endpoint)),
      )
      let n = 0
      gateway.tables.fault = call => {
        n += 1
        const isHit = call.when === when && Math.floor(n * part) !== Math.floor((n - 1) * part)
        return isHit ? fault : undefined
      }
      const calling = clients.map(async ({ call }) => {
        for (let made = 0; made < calls; made++) await call()
      })
      await Promise.race([Promise.all(calling), faultIsOver()])
      heal(gateway)
      await Promise.all(calling)
      await works(ledger, endpoint)
      await Promise.all(clients.map(client => client.close()))
      yield { fault: name, endpoint, ...ledger.counts() }
    }
  }
}

const FAULT_MS = 8_000
const faultIsOver = () => new Promise(resolve => setTimeout(resolve, FAULT_MS))
