// Measures what the gateway adds to a function, on the local gateway, as ratios within one run.
// It prints the tables of docs/performance.md and docs/cost.md, and each figure that has an aim
// against it. A missed aim does not fail: a busy machine misses some.
//
//     npm run bench [-- [--quick] [--duty-cycle] SUBJECT …]
//
// --quick takes a tenth of each measurement, to see that everything runs. --duty-cycle stops and
// continues the environments that get a part of a processor, also where a control group can be
// made.
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'

import { verdicts } from './aims.mjs'
import awsClients from './aws-clients.mjs'
import bridge from './bridge.mjs'
import bundles from './bundles.mjs'
import callEntries from './call-entries.mjs'
import clientImport from './client-import.mjs'
import cold from './cold.mjs'
import cost from './cost.mjs'
import holdBack from './hold-back.mjs'
import mcp from './mcp.mjs'
import memory from './memory.mjs'
import peers from './peers.mjs'
import processor from './processor.mjs'
import rateLimit from './rate-limit.mjs'
import registrations from './registrations.mjs'
import smallMemory from './small-memory.mjs'
import sse from './sse.mjs'
import throughput from './throughput.mjs'

/**
 * `times` scales the count of a measurement: with --quick it returns a tenth.
 *
 * @typedef {{ times: (count: number) => number, dutyCycle: boolean }} Options
 */

/** @type {Record<string, (options: Options) => Promise<string>>} */
const subjects = {
  mcp,
  sse,
  'hold-back': holdBack,
  throughput,
  processor,
  cold,
  'small-memory': smallMemory,
  registrations,
  'call-entries': callEntries,
  'rate-limit': rateLimit,
  memory,
  'aws-clients': awsClients,
  bundles,
  'client-import': clientImport,
  bridge,
  cost,
  peers,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    'duty-cycle': { type: 'boolean', default: false },
  },
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
  const before = load()
  const tables = (await subjects[name]?.({ times, dutyCycle: values['duty-cycle'] })) ?? ''
  console.log(`\n## ${name}\n\nLoad of the machine: ${before} to ${load()}.\n\n${tables}`)
  const judged = verdicts(name, tables)
  if (judged) console.log(`\n${judged}`)
  console.error(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s`)
}

/** Processes that run or wait for a processor, on average of a minute. */
function load() {
  return (loadavg()[0] ?? 0).toFixed(0)
}
