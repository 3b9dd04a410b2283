// Runs the official conformance suite against the built stack, functions in processes of their own behind Function
// URLs that verify IAM, and against the client package. Exits with 1 when a gate is missed; with --controls also when
// a gate does not notice a fault.

import { fileURLToPath } from 'node:url'

import { controls } from './controls.mjs'
import { judgeClient, judgeServer } from './referee.mjs'
import { faults, score, table } from './report.mjs'
import { output, startEverything } from './stack.mjs'

/**
 * Scenarios that pass are a weak measure: some do against a server that is dead, since they find nothing to
 * object to. So successful checks are counted too, and a warning is a miss.
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

/** Where the client is right to give up: what it is offered is wrong. */
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
    for (const [revision, gate] of Object.entries(gates.server)) {
      const folder = `${output}server-${revision}`
      const scenarios = await judgeServer({ url: stack.url, revision, folder })
      found.push(verdict(`server ${revision}`, gate, scenarios))
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
  for (const [revision, gate] of Object.entries(gates.client)) {
    const folder = `${output}client-${revision}`
    const scenarios = await judgeClient({ command, revision, folder })
    found.push(verdict(`client ${revision}`, gate, scenarios))
    const broken = scenarios.filter(it => it.required && it.exit !== 0 && !MAY_FAIL.test(it.name))
    found.push({
      isMet: broken.length === 0,
      text: `client ${revision}: ${broken.length} clients ended with an error ${broken.map(it => `(${it.name}: ${it.exit})`).join(' ')}`,
    })
  }
  return found
}

function verdict(title, gate, scenarios) {
  show(['', table(title, scenarios), ...faults(scenarios)].join('\n'))
  const { passed, successes, warnings } = score(scenarios)
  return {
    isMet: passed === gate.passed && successes >= gate.successes && warnings === 0,
    text: `${title}: ${passed} of ${gate.passed} required scenarios, ${successes} successful checks (at least ${gate.successes}), ${warnings} warnings`,
  }
}

async function checkControl({ name, revision, expected, answer, alter }) {
  const stack = await startEverything({ answer, alter })
  try {
    const scenarios = await judgeServer({ url: stack.url, revision, folder: `${output}control` })
    const required = scenarios.filter(it => it.required)
    show(`\nControl: ${name}\n${faults(required).join('\n')}`)
    const found = score(scenarios)
    const isMet = Object.entries(expected).every(([key, value]) => found[key] === value)
    return {
      isMet,
      text: `${revision}, where ${name}: ${found.passed} scenarios, ${found.warnings} warnings; wanted ${JSON.stringify(expected)}`,
    }
  } finally {
    await stack.close()
  }
}

function show(text) {
  process.stdout.write(`${text}\n`)
}
