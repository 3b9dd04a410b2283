// Runs the official conformance suite against the built stack and against the client package. The
// functions of the stack run in processes of their own, behind Function URLs that verify IAM.
// Exits with 1 when a gate is missed. With --controls it also makes faults, and exits with 1 when
// a gate does not notice one.

import { fileURLToPath } from 'node:url'

import { controls } from './controls.mjs'
import { judgeClient, judgeServer } from './referee.mjs'
import { faults, score, table } from './report.mjs'
import { output, startEverything } from './stack.mjs'

/**
 * @typedef {import('./report.mjs').Scenario} Scenario
 * @typedef {{ passed: number, successes: number }} Gate
 */

/**
 * What a run must reach. Passed scenarios alone are a weak measure: some pass against a dead
 * server, because they find no fault. So successful checks are counted too, and a warning is a
 * miss.
 *
 * @type {Record<'server' | 'client', Record<string, Gate>>}
 */
const gates = {
  server: {
    '2025-11-25': { passed: 30, successes: 70 },
    '2026-07-28': { passed: 37, successes: 120 },
  },
  client: {
    '2025-11-25': { passed: 18, successes: 250 },
    '2026-07-28': { passed: 32, successes: 400 },
  },
}

/** Scenarios with a wrong offer, where the client is right to exit with an error. */
const MAY_FAIL =
  /^(http-invalid-tool-headers|auth\/(scope-retry-limit|resource-mismatch|metadata-issuer-mismatch|iss-(supported-missing|wrong-issuer|unexpected|normalized)))$/

const verdicts = [...(await checkServer()), ...(await checkClient())]
if (process.argv.includes('--controls'))
  for (const control of controls) verdicts.push(await checkControl(control))
show(`\n${verdicts.map(({ isMet, text }) => `${isMet ? 'MET   ' : 'MISSED'}  ${text}`).join('\n')}`)
process.exitCode = verdicts.every(it => it.isMet) ? 0 : 1

async function checkServer() {
  const stack = await startEverything()
  try {
    const found = []
    for (const [version, gate] of Object.entries(gates.server)) {
      const folder = `${output}server-${version}`
      const scenarios = await judgeServer({ url: stack.url, version, folder })
      found.push(verdict(`server ${version}`, gate, scenarios))
    }
    return found
  } finally {
    await stack.close()
  }
}

async function checkClient() {
  const client = fileURLToPath(new URL('client.mjs', import.meta.url))
  const command = `${process.execPath} ${client}`
  const found = []
  for (const [version, gate] of Object.entries(gates.client)) {
    const folder = `${output}client-${version}`
    const scenarios = await judgeClient({ command, version, folder })
    found.push(verdict(`client ${version}`, gate, scenarios))
    const broken = scenarios.filter(it => it.required && it.exit !== 0 && !MAY_FAIL.test(it.name))
    found.push({
      isMet: broken.length === 0,
      text: `client ${version}: ${broken.length} clients exited with an error ${broken.map(it => `(${it.name}: ${it.exit})`).join(' ')}`,
    })
  }
  return found
}

/**
 * @param {string} title
 * @param {Gate} gate
 * @param {Scenario[]} scenarios
 */
function verdict(title, gate, scenarios) {
  show(['', table(title, scenarios), ...faults(scenarios)].join('\n'))
  const { passed, successes, warnings } = score(scenarios)
  return {
    isMet: passed === gate.passed && successes >= gate.successes && warnings === 0,
    text: `${title}: ${passed} of ${gate.passed} required scenarios, ${successes} successful checks (at least ${gate.successes}), ${warnings} warnings`,
  }
}

/** @param {import('./controls.mjs').Control} control */
async function checkControl({ name, version, expected, respond, alter }) {
  const stack = await startEverything({ respond, alter })
  try {
    const scenarios = await judgeServer({ url: stack.url, version, folder: `${output}control` })
    const required = scenarios.filter(it => it.required)
    show(`\nControl: ${name}\n${faults(required).join('\n')}`)
    const found = score(scenarios)
    const all = { ...found, ...expected }
    const isMet = JSON.stringify(found) === JSON.stringify(all)
    return {
      isMet,
      text: `${version}, with the fault that ${name}: ${found.passed} scenarios, ${found.warnings} warnings; expected ${JSON.stringify(expected)}`,
    }
  } finally {
    await stack.close()
  }
}

/** @param {string} text */
function show(text) {
  process.stdout.write(`${text}\n`)
}
