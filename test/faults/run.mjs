// Breaks environments, tables and clients of a local gateway, and counts what becomes of the calls.
//
//     npm run faults [-- [--short] [SCENARIO …]]
//
// A call is lost when it has a result and did not run, or no response; doubled when it has two
// responses or ran twice; hung when nothing comes within four minutes. It fails unless all are 0
// and the memory of each environment stays below that of the function.
import { parseArgs } from 'node:util'

import { flood, hangUp, readSlowly, reconnect } from './clients.mjs'
import { deadStream } from './dead-stream.mjs'
import { startGateway } from './gateway.mjs'
import { killEnvironments } from './kills.mjs'
import { breakTables } from './tables.mjs'

/** @typedef {import('./gateway.mjs').Gateway} Gateway */
/**
 * @typedef {import('./calls.mjs').Counts & {
 *   fault: string,
 *   endpoint: string,
 *   problem?: string | undefined,
 * }} Row `problem` where the fault was another than it should be
 */

const SESSIONS = /** @type {const} */ (['/sse', '/mcp 2025-11-25'])
/** The memory of the mcp function, see template.yaml. */
const MAX_MEGABYTES = 512

/** @type {Record<string, (gateway: Gateway) => AsyncIterable<Row>>} */
const FULL = {
  kills: gateway => killEnvironments(gateway, { times: 3 }),
  'dead-stream': deadStream,
  tables: breakTables,
  'hang-up': hangUp,
  reconnect,
  flood,
  'slow-reader': readSlowly,
}
/** @type {typeof FULL} */
const SHORT = {
  kills: gateway =>
    killEnvironments(gateway, { moments: ['the function has returned'], endpoints: SESSIONS }),
  tables: gateway =>
    breakTables(gateway, {
      faults: ['responses of the table are lost'],
      endpoints: SESSIONS,
      clients: 2,
      calls: 3,
    }),
  'hang-up': gateway => hangUp(gateway, { endpoints: ['/sse'], clients: 4, calls: 2 }),
  flood: gateway => flood(gateway, { endpoints: ['/sse'], calls: 40 }),
  'slow-reader': gateway => readSlowly(gateway, { calls: 4, size: 1_000_000 }),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false } },
})
const scenarios = values.short ? SHORT : FULL
const unknown = positionals.find(name => !scenarios[name])
if (unknown) {
  console.error(
    `Unknown scenario "${unknown}". The scenarios are ${Object.keys(scenarios).join(', ')}.`,
  )
  process.exit(1)
}

console.log(
  '| fault | endpoint | calls | results | errors | lost | doubled | hung | most MB |\n' +
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
)
let isRight = true
const gateway = await startGateway()
try {
  for (const [name, run] of Object.entries(scenarios)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    gateway.takePeak()
    for await (const { fault, endpoint, problem, ...counts } of run(gateway)) {
      const { calls, results, errors, lost, doubled, hung, reasons } = counts
      const peak = Math.round(gateway.takePeak())
      const columns = [fault, endpoint, calls, results, errors, lost, doubled, hung, peak]
      console.log(`| ${columns.join(' | ')} |`)
      if (reasons) console.error(`  errors: ${reasons}`)
      if (problem) console.log(`${fault}, ${endpoint}: ${problem}`)
      if (lost + doubled + hung > 0 || problem || peak > MAX_MEGABYTES) isRight = false
    }
  }
} finally {
  await gateway.close()
}
console.log(isRight ? 'faults: nothing lost, doubled or hung' : 'faults: see the table')
process.exit(isRight ? 0 : 1)
