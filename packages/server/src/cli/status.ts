import type { Status } from '../deploy/status.ts'
import type { UrlProblem } from '../deploy/url-problem.ts'
import { version } from '../version.ts'
import { defineCommand, printResult } from './command.ts'
import { STACK_OPTIONS, stackOf } from './stack-options.ts'

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'show what is deployed, and which registrations need a repair',
  usage: '[options]',
  help: `Shows the stack, its URLs and its version, each registration whose function the gateway may not invoke,
and warns of each registration that holds what would be refused today. Exits with 1 if a function cannot be
invoked, or the gateway does not answer.`,
  options: STACK_OPTIONS,
  async run(flags) {
    const { readStatus } = await import('../deploy/status.ts')
    const status = await readStatus(stackOf(flags))
    const healthy = isHealthy(status)
    printResult(flags, { healthy, ...status }, () => statusText(status))
    return healthy ? 0 : 1
  },
})

const isHealthy = ({ stackStatus, gateway, registrations }: Status) =>
  /^(CREATE|UPDATE)_COMPLETE$/.test(stackStatus) &&
  gateway !== undefined &&
  !('problem' in gateway) &&
  registrations !== undefined &&
  !('problem' in registrations) &&
  registrations.notReady.length === 0

function statusText(status: Status): string {
  const { stackName, region, stackStatus, updatedAt, outputs, gateway, registrations } = status
  const since = updatedAt ? `, since ${updatedAt.toISOString()}` : ''
  const lines = [`Stack                  ${stackName} in ${region}: ${stackStatus}${since}`]
  if (!gateway || !registrations) return [...lines, 'The stack has no URLs.'].join('\n')
  return [
    ...lines,
    `MCP endpoint           ${outputs['McpUrl']}`,
    `Registration endpoint  ${outputs['RegistrationUrl']}`,
    `Version                ${versionText(gateway)}`,
    `Registrations          ${registrationsText(registrations)}`,
  ].join('\n')
}

function versionText(gateway: NonNullable<Status['gateway']>): string {
  if ('problem' in gateway) return problemText(gateway.problem)
  if (gateway.version === version) return version
  return `${gateway.version}; this package is ${version}: run "mcp-lambda-sam deploy" to update`
}

function registrationsText(registrations: NonNullable<Status['registrations']>): string {
  if ('problem' in registrations) return problemText(registrations.problem)
  const { count, notReady, refused } = registrations
  const ready =
    notReady.length === 0
      ? `${count}, all can be invoked`
      : `${count}, and ${notReady.length} cannot be invoked:`
  const missing = notReady.flatMap(({ id, message, fix }) => [
    '',
    `  ${id}: ${message}`,
    ...fix.map(command => `    ${command}`),
  ])
  const warnings = refused.flatMap(({ id, warnings }) => warnings.map(it => `  ${id}: ${it}`))
  const old = refused.length > 0 ? ['', `${OLD}:`, '', ...warnings] : []
  return [ready, ...missing, ...old].join('\n')
}

const OLD =
  'Warnings. The gateway does not act on what would be refused today. Correct it, and register again'

const problemText = ({ message, hint }: UrlProblem) => `${message}\n${' '.repeat(COLUMN)}${hint}`

/** The values of the text begin here. */
const COLUMN = 23
