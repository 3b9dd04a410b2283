// Sends random input to the gateway, its calling contracts and the client, and reports what breaks.
//
//     npm run fuzz [-- [--seed N] [--cases N] [--case N] [TARGET …]]
//
// The same seed gives the same cases. `--cases` is the number for each target, `--case` runs one.
// It fails for a hang, a response with status 5xx, a lost response, or an unhandled rejection.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

import { runTarget, TARGETS } from './targets.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, cases: { type: 'string' }, case: { type: 'string' } },
})
const unknown = positionals.find(name => !(name in TARGETS))
if (unknown) {
  console.error(`Unknown target "${unknown}". The targets are ${Object.keys(TARGETS).join(', ')}.`)
  process.exit(1)
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const names = /** @type {(keyof typeof TARGETS)[]} */ (
  positionals.length > 0 ? positionals : Object.keys(TARGETS)
)
console.log(`fuzz: seed ${seed}, Node ${process.version}, ${availableParallelism()} processors`)

let failed = 0
for (const name of names) {
  const only = values.case === undefined ? undefined : Number(values.case)
  const count = Number(values.cases ?? TARGETS[name])
  const begun = performance.now()
  const findings = await runTarget(name, { seed, count, only })
  failed += findings.length
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  const done = only === undefined ? count : 1
  console.log(`fuzz ${name}: ${done} cases, ${findings.length} problems, ${seconds} s`)
  for (const [problem, examples] of grouped(findings)) {
    const [{ index, input } = { index: -1, input: '' }] = examples
    const again = index < 0 ? '' : `npm run fuzz -- --seed ${seed} --case ${index} ${name}`
    console.log(
      `\n${examples.length} × ${problem.slice(0, 1_500)}\n  ${again}\n  ${input.slice(0, 1_500)}`,
    )
  }
}
process.exit(failed > 0 ? 1 : 0)

/**
 * Problems that differ only in numbers and texts are one.
 *
 * @param {import('./worker.mjs').Finding[]} findings
 */
function grouped(findings) {
  /** @type {Map<string, import('./worker.mjs').Finding[]>} */
  const kinds = new Map()
  /** @type {Map<string, import('./worker.mjs').Finding[]>} */
  const byProblem = new Map()
  for (const finding of findings) {
    const kind = finding.problem
      .replace(/\s+/g, ' ')
      .slice(0, 60)
      .replace(/\d+|"[^"]*"/g, '…')
    const known = kinds.get(kind)
    if (known) known.push(finding)
    else {
      const examples = [finding]
      kinds.set(kind, examples)
      byProblem.set(finding.problem, examples)
    }
  }
  return byProblem
}
