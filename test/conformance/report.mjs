/** What of a run counts: of the required scenarios those that passed, and their checks. */
export function score(scenarios) {
  const required = scenarios.filter(it => it.required)
  return {
    passed: required.filter(it => it.checks.length > 0 && !count(it, 'FAILURE')).length,
    successes: sum(required, 'SUCCESS'),
    warnings: sum(required, 'WARNING'),
  }
}

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

/** What was not as the referee wants it, one line each. */
export function faults(scenarios) {
  return scenarios.flatMap(scenario =>
    scenario.checks
      .filter(({ status }) => status === 'WARNING' || status === 'FAILURE')
      .map(it => `  ${it.status} ${labelOf(scenario)} ${it.id}: ${it.errorMessage}`),
  )
}

const labelOf = ({ name, required }) => (required ? name : `${name} (not required)`)

function sum(scenarios, status) {
  return scenarios.reduce((total, scenario) => total + count(scenario, status), 0)
}

function count({ checks }, status) {
  return checks.filter(it => it.status === status).length
}
