/**
 * A scenario of the suite and the checks that it saved.
 *
 * @typedef {{
 *   name: string,
 *   required: boolean,
 *   checks: { id: string, status: string, errorMessage?: string }[],
 * }} Scenario
 */

/**
 * Counts the required scenarios that passed, and the checks of all required ones.
 *
 * @param {Scenario[]} scenarios
 * @returns {Record<'passed' | 'successes' | 'warnings', number>}
 */
export function score(scenarios) {
  const required = scenarios.filter(it => it.required)
  return {
    passed: required.filter(it => it.checks.length > 0 && !count(it, 'FAILURE')).length,
    successes: sum(required, 'SUCCESS'),
    warnings: sum(required, 'WARNING'),
  }
}

/**
 * @param {string} title
 * @param {Scenario[]} scenarios
 */
export function table(title, scenarios) {
  const lines = [`${title.padEnd(48)}SUCCESS  WARNING  FAILURE`]
  for (const scenario of scenarios) {
    const counts = ['SUCCESS', 'WARNING', 'FAILURE'].map(it => count(scenario, it))
    lines.push(
      `  ${labelOf(scenario).padEnd(46)}${counts.map(it => String(it).padStart(7)).join('  ')}`,
    )
  }
  return lines.join('\n')
}

/**
 * One line for each check that warned or failed.
 *
 * @param {Scenario[]} scenarios
 */
export function faults(scenarios) {
  return scenarios.flatMap(scenario =>
    scenario.checks
      .filter(({ status }) => status === 'WARNING' || status === 'FAILURE')
      .map(it => `  ${it.status} ${labelOf(scenario)} ${it.id}: ${it.errorMessage}`),
  )
}

/** @param {Scenario} scenario */
const labelOf = ({ name, required }) => (required ? name : `${name} (not required)`)

/**
 * @param {Scenario[]} scenarios
 * @param {string} status
 */
function sum(scenarios, status) {
  return scenarios.reduce((total, scenario) => total + count(scenario, status), 0)
}

/**
 * @param {Scenario} scenario
 * @param {string} status
 */
function count({ checks }, status) {
  return checks.filter(it => it.status === status).length
}
