import { placeOptions } from '../deploy/place.ts'
import type { Status } from '../deploy/status.ts'
import type { UrlProblem } from '../deploy/url-problem.ts'
import { version } from '../version.ts'
import { defineCommand, printResult } from './command.ts'
import { STACK_OPTIONS, stackOf } from './stack-options.ts'

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'show what is deployed, and which registrations need a repair',
  usage: '[options]',
  help: `Shows the stack, its URLs and its version, what CloudWatch counted in the last 24 hours (this needs
cloudwatch:GetMetricData), each registration whose function the gateway may not invoke, and warns of
each registration that holds what would be refused today. Exits with 1 if a function cannot be
invoked, or the gateway does not answer.`,
  options: STACK_OPTIONS,
  async run(flags) {
    const { readStatus } = await import('../deploy/status.ts')
    const status = await readStatus(stackOf(flags))
    const healthy = isHealthy(status)
    printResult(flags, { healthy, ...status }, () => statusText(status, flags.profile))
    return healthy ? 0 : 1
  },
})

const isHealthy = ({ stackStatus, gateway, registrations }: Status) =>
  isServing(stackStatus) &&
  gateway !== undefined &&
  !('problem' in gateway) &&
  registrations !== undefined &&
  !('problem' in registrations) &&
  registrations.notReady.length === 0

/** The gateway of a stack in this state is whole, also where the last update was rolled back. */
const isServing = (stackStatus: string) =>
  /^(CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT|IMPORT_ROLLBACK)_COMPLETE$/.test(stackStatus)

function statusText(status: Status, profile: string | undefined): string {
  const { stackName, region, stackStatus, updatedAt, outputs } = status
  const deploy = `"mcp-lambda-sam deploy ${placeOptions({ stackName, region, profile })}"`
  const { gateway, registrations, lastDay } = status
  const since = updatedAt ? `, since ${updatedAt.toISOString()}` : ''
  const note = stateNote(stackStatus, deploy)
  const lines = [
    `Stack                  ${stackName} in ${region}: ${stackStatus}${since}`,
    ...(note ? [`${' '.repeat(COLUMN)}${note}`] : []),
  ]
  if (!gateway || !registrations) return [...lines, 'The stack has no URLs.'].join('\n')
  return [
    ...lines,
    `MCP endpoint           ${outputs['McpUrl']}`,
    `Registration endpoint  ${outputs['RegistrationUrl']}`,
    `Version                ${versionText(gateway, deploy)}`,
    ...(lastDay ? [`Last 24 hours          ${lastDayText(lastDay)}`] : []),
    `Registrations          ${registrationsText(registrations)}`,
  ].join('\n')
}

/** What a state means for the gateway, and the next step. */
function stateNote(stackStatus: string, deploy: string): string | undefined {
  if (stackStatus === 'UPDATE_ROLLBACK_COMPLETE')
    return `The last deployment failed, and the version before it is back. Run ${deploy}.`
  if (isServing(stackStatus)) return undefined
  if (stackStatus === 'REVIEW_IN_PROGRESS')
    return `A deployment was planned, and nothing is created yet. Run ${deploy}.`
  if (stackStatus.endsWith('_IN_PROGRESS')) return 'It is being changed. Look again later.'
  return `Run ${deploy}, which says what is wrong and what to do.`
}

function versionText(gateway: NonNullable<Status['gateway']>, deploy: string): string {
  if ('problem' in gateway) return problemText(gateway.problem)
  if (gateway.version === version) return version
  return `${gateway.version}; this package is ${version}, which ${deploy} deploys`
}

function lastDayText(lastDay: NonNullable<Status['lastDay']>): string {
  if ('problem' in lastDay) {
    const { message, hint } = lastDay.problem
    return `${message.replace(/\.$/, '')}. ${hint}`
  }
  const { requests, status4xx, status5xx, invocations, failed, throttled } = lastDay
  const { p99Ms, mostAtOnce, dollars } = lastDay
  if (requests + invocations + throttled === 0) return 'no requests'
  return [
    `${whole(requests)} requests: ${whole(status4xx)} answered with 4xx, ${whole(status5xx)} with 5xx`,
    `${whole(invocations)} invocations: ${whole(failed)} failed, ${whole(throttled)} more were throttled`,
    ...(p99Ms === undefined
      ? []
      : [`99 % took at most ${whole(p99Ms)} ms; a stream is one invocation`]),
    `at most ${whole(mostAtOnce)} ran at the same time: open streams and requests`,
    ...(dollars === undefined
      ? []
      : [`about ${price(dollars)} for Lambda, at list prices of us-east-1`]),
  ].join(`\n${' '.repeat(COLUMN)}`)
}

const whole = (number: number) => Math.round(number).toLocaleString('en-US')

const price = (dollars: number) => (dollars < 0.01 ? 'less than $0.01' : `$${dollars.toFixed(2)}`)

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
