// Measures what the gateway adds to a function, on the local gateway, as ratios within one run.
// It prints the tables of docs/performance.md. Nothing here passes or fails.
//
//     npm run bench [-- [--quick] SUBJECT …]
//
// --quick takes a tenth of each measurement, to see that everything runs.
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'

import awsClients from './aws-clients.mjs'
import bundles from './bundles.mjs'
import cold from './cold.mjs'
import holdBack from './hold-back.mjs'
import mcp from './mcp.mjs'
import memory from './memory.mjs'
import registrations from './registrations.mjs'
import sse from './sse.mjs'
import throughput from './throughput.mjs'

/**
 * `times` scales the count of a measurement: with --quick it returns a tenth.
 *
 * @typedef {{ times: (count: number) => number }} Options
 */

/** @type {Record<string, (options: Options) => Promise<string>>} */
const subjects = {
  mcp,
  sse,
  'hold-back': holdBack,
  throughput,
  cold,
  registrations,
  memory,
  'aws-clients': awsClients,
  bundles,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
})
const unknown = positionals.find(name => !subjects[name])
if (unknown) {
  console.error(
    `Unknown subject "${unknown}". The subjects are ${Object.keys(subjects).join(', ')}.`,
  )
  process.exit(1)
}
/** @param {number} count */
const times = count => (values.quick ? Math.ceil(count / 10) : count)

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`)
for (const name of positionals.length > 0 ? positionals : Object.keys(subjects)) {
  const started = performance.now()
  const tables = await subjects[name]?.({ times })
  console.log(`\n## ${name}\n\n${tables}`)
  console.error(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s`)
}
