import { type LambdaArn, parseLambdaArn, registrationId } from '../api-schema.ts'
import { UsageError } from '../command-line/command.ts'
import { paint } from '../command-line/output.ts'
import { AdminError } from '../errors.ts'
import { defineCommand } from './command.ts'
import {
  awsOptions,
  DEFAULT_STACK,
  GATEWAY_OPTIONS,
  type GatewayFlags,
  gatewayOf,
  outputsOf,
} from './gateway.ts'

export const logsCommand = defineCommand({
  name: 'logs',
  summary: 'show the log of a registered function, or of the gateway',
  usage: '[<name>] [options]',
  help: `Shows the log of the function behind a registration, from CloudWatch. A name means the tool of this name;
an id names any registration. Without a name: the log of the gateway's mcp function, which needs the stack.`,
  examples: ['logs weather --since 1h', 'logs resource-note --follow', 'logs --follow'],
  argument: 'name',
  options: {
    follow: { type: 'boolean', short: 'f', help: 'wait for new entries' },
    since: {
      type: 'string',
      value: '<time>',
      default: '10m',
      help: 'how far back: 30s, 10m, 2h or 1d (default: 10m)',
    },
    ...GATEWAY_OPTIONS,
  },
  async run(flags, name) {
    const since = Date.now() - durationIn(flags.since ?? '10m')
    const { logGroup, region } = await logGroupFor(flags, name)
    const { logEvents } = await import('../aws/log-events.ts')
    const interrupt = new AbortController()
    process.once('SIGINT', () => interrupt.abort())
    const follow = flags.follow ?? false
    let count = 0
    for await (const { timestamp, message } of logEvents(awsOptions(flags), {
      logGroup,
      region,
      since,
      follow,
      signal: interrupt.signal,
    })) {
      count++
      const time = new Date(timestamp).toISOString()
      console.log(
        flags.json
          ? JSON.stringify({ time, message })
          : `${paint(process.stdout, 'dim', time)}  ${message.trimEnd()}`,
      )
    }
    if (count === 0 && !follow) console.error(`${logGroup} has no entries in this time.`)
    return 0
  },
})

function durationIn(text: string): number {
  const [, number, unit] = /^(\d{1,5})([smhd])$/.exec(text) ?? []
  if (!number || !unit)
    throw new UsageError(`--since takes a time such as 10m or 2h, not "${text}"`)
  return Number(number) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 's']
}

async function logGroupFor(flags: GatewayFlags, name: string | undefined) {
  if (name === undefined) {
    const stack = flags['stack-name'] ?? DEFAULT_STACK
    const { McpFunctionName } = await outputsOf(stack, flags)
    if (McpFunctionName) return { logGroup: `/aws/lambda/${McpFunctionName}`, region: flags.region }
    throw new AdminError('invalid_url', `The stack ${stack} has no output McpFunctionName`, {
      hint: 'Name the stack of the gateway with --stack-name.',
    })
  }
  const id = /^(tool|resource|prompt)-/.test(name) ? name : registrationId('tool', name)
  const admin = await gatewayOf(flags)
  const { lambdaArn } = await admin.get(id)
  // The server has checked it.
  const { region, functionName } = parseLambdaArn(lambdaArn) as LambdaArn
  const { logGroupOf } = await import('../aws/functions.ts')
  const configured = await logGroupOf(awsOptions(flags), lambdaArn, region)
  return { logGroup: configured ?? `/aws/lambda/${functionName}`, region }
}
