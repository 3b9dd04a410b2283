import { type Found, readStatus, type Status } from '../deploy/status.ts'
import { version } from '../version.ts'
import { parse, STACK_HELP, STACK_OPTIONS } from './options.ts'

const HELP = `mcp-lambda-sam status [options]

Shows the stack, its URLs and version, and every registration whose function the gateway may not invoke.
Ends with 1 when there is something to mend.

Options
${STACK_HELP}
`

export async function showStatus(args: string[]): Promise<number> {
  const flags = parse('status', args, STACK_OPTIONS)
  if (flags.help) {
    console.log(HELP.trimEnd())
    return 0
  }
  const { region, profile } = flags
  const status = await readStatus({ stackName: flags['stack-name'], region, profile })
  console.log(text(status))
  return isWell(status) ? 0 : 1
}

const isWell = ({ stackStatus, gateway, registrations }: Status) =>
  /^(CREATE|UPDATE)_COMPLETE$/.test(stackStatus) &&
  isFound(gateway) &&
  isFound(registrations) &&
  registrations.notReady.length === 0

const isFound = <Value>(it: Found<Value> | undefined): it is Value =>
  it !== undefined && !(typeof it === 'object' && it !== null && 'problem' in it)

function text({ stackName, region, stackStatus, updatedAt, outputs, ...rest }: Status): string {
  const lines = [
    `Stack                  ${stackName} in ${region}: ${stackStatus}${updatedAt ? `, since ${updatedAt.toISOString()}` : ''}`,
  ]
  const { gateway, registrations } = rest
  if (!gateway || !registrations) return [...lines, 'It has no URLs.'].join('\n')
  lines.push(
    `MCP endpoint           ${outputs['McpUrl']}`,
    `Registration endpoint  ${outputs['RegistrationUrl']}`,
    `Version                ${isFound(gateway) ? versions(gateway.version) : gateway.problem}`,
  )
  if (!isFound(registrations))
    return [...lines, `Registrations          ${registrations.problem}`].join('\n')
  const { count, notReady } = registrations
  lines.push(
    `Registrations          ${count}${notReady.length ? `, of which ${notReady.length} cannot be invoked:` : ', all can be invoked'}`,
  )
  for (const { id, message, fix } of notReady)
    lines.push('', `  ${id}: ${message}`, ...fix.map(command => `    ${command}`))
  return lines.join('\n')
}

const versions = (deployed: string) =>
  deployed === version
    ? deployed
    : `${deployed}; this package is ${version}: deploy to bring it up to date`
