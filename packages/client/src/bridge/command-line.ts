import { type ParseArgsConfig, parseArgs } from 'node:util'

import { assertSecure, gatewayUrl } from '../signing/scope.ts'
import type { TransportChoice } from './connection.ts'
import type { GatewaySettings } from './gateway-options.ts'
import { LOG_LEVELS, type LogLevel } from './log.ts'
import { UsageError } from './usage-error.ts'

const OPTIONS = {
  profile: { type: 'string' },
  region: { type: 'string' },
  header: { type: 'string', multiple: true },
  transport: { type: 'string' },
  timeout: { type: 'string' },
  'log-level': { type: 'string' },
  'log-file': { type: 'string' },
  http: { type: 'string' },
  token: { type: 'string' },
  'no-token': { type: 'boolean' },
  json: { type: 'boolean' },
  args: { type: 'string' },
  output: { type: 'string' },
  'print-config': { type: 'string' },
  os: { type: 'string' },
  name: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} satisfies ParseArgsConfig['options']

type Name = keyof typeof OPTIONS
type Flags = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

const COMMANDS = ['list', 'call', 'read', 'prompt', 'complete'] as const
export type CommandName = (typeof COMMANDS)[number]

/** The options that only some uses have. The others go with all of them. */
const ONLY_WITH: Partial<Record<Name, Use[]>> = {
  token: ['http'],
  'no-token': ['http'],
  json: ['http', ...COMMANDS],
  args: ['call', 'prompt'],
  output: ['call', 'read', 'prompt'],
  // The proxy passes on what its clients choose, and when they give up.
  timeout: ['stdio', 'print-config', ...COMMANDS],
  transport: ['stdio', 'print-config', ...COMMANDS],
  os: ['print-config'],
  name: ['print-config'],
}

type Use = 'stdio' | 'http' | 'print-config' | CommandName

export interface CommandLine extends GatewaySettings {
  use: Use
  /** As given, for messages and configurations. */
  flags: Flags
  /** What follows the URL. */
  rest: string[]
  transport: TransportChoice
  timeoutMs: number | undefined
  logLevel: LogLevel
  logFile: string | undefined
}

const DEFAULT_PORT = '8808'

/** @throws UsageError, and ClientError `invalid_url` */
export function readCommandLine(args: string[]): CommandLine | 'help' | 'version' {
  const { values: flags, positionals } = parse(withPort(args))
  if (flags.help) return 'help'
  if (flags.version) return 'version'
  const command = COMMANDS.find(it => it === positionals[0])
  const [use = 'stdio', other] = [
    command,
    flags['print-config'] === undefined ? undefined : ('print-config' as const),
    flags.http === undefined ? undefined : ('http' as const),
  ].filter(it => it !== undefined)
  if (other) throw new UsageError(`${flagOf(use)} and ${flagOf(other)} exclude each other`)
  for (const [name, uses] of Object.entries(ONLY_WITH))
    if (flags[name as Name] !== undefined && !uses.includes(use))
      throw new UsageError(`--${name} goes only with ${uses.map(flagOf).join(', ')}`)
  if (flags.token !== undefined && flags['no-token'])
    throw new UsageError('--token and --no-token exclude each other')

  const rest = command ? positionals.slice(1) : positionals
  const isGiven = /^https?:\/\//i.test(rest[0] ?? '')
  const url = isGiven ? rest.shift() : process.env['MCP_URL']
  if (!url) throw new UsageError(`Give the URL of the gateway, or set MCP_URL. ${SEE_HELP}`)
  if (!command && rest.length > 0)
    throw new UsageError(`Not understood: ${rest.join(' ')}. ${SEE_HELP}`)

  const gateway = gatewayUrl(url)
  assertSecure(gateway)
  return {
    use,
    flags,
    rest,
    url: gateway,
    // AWS_PROFILE and AWS_REGION are read where these are used.
    profile: flags.profile,
    region: flags.region,
    headers: headersOf(flags.header ?? variable('HEADERS')?.split('\n') ?? []),
    transport: oneOf(TRANSPORTS, 'transport', flags.transport ?? variable('TRANSPORT') ?? 'auto'),
    timeoutMs: milliseconds(flags.timeout ?? variable('TIMEOUT')),
    logLevel: oneOf(LOG_LEVELS, 'log-level', flags['log-level'] ?? variable('LOG_LEVEL') ?? 'warn'),
    logFile: flags['log-file'] ?? variable('LOG_FILE'),
  }
}

const SEE_HELP = '"mcp-lambda-sam-connect --help" shows what there is.'
const TRANSPORTS = ['auto', 'http', 'sse'] as const

const flagOf = (use: Use) => (use === 'http' || use === 'print-config' ? `--${use}` : use)

/** An empty variable is as good as none: forms of desktop applications leave them empty. */
export const variable = (name: string) => process.env[`MCP_CONNECT_${name}`] || undefined

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    // The first sentence names the mistake. The others are about calling parseArgs.
    const [reason] = String((error as Error).message).split('. ', 1)
    throw new UsageError(`${reason}. ${SEE_HELP}`)
  }
}

/** `--http` may stand without a port. */
function withPort(args: string[]): string[] {
  return args.flatMap((it, at) => {
    if (it !== '--http') return [it]
    return /^\d+$/.test(args[at + 1] ?? '') ? [it] : [`--http=${DEFAULT_PORT}`]
  })
}

function headersOf(lines: string[]): [string, string][] {
  return lines
    .filter(line => line.trim() !== '')
    .map(line => {
      const [, name = '', value = ''] = /^([^:]+):(.*)$/s.exec(line) ?? []
      try {
        new Headers([[name.trim(), value.trim()]])
      } catch {
        // Without the value, which may be a secret.
        throw new UsageError('--header takes "Name: value", such as "X-Team: search"')
      }
      return [name.trim(), value.trim()]
    })
}

function oneOf<Value extends string>(values: readonly Value[], flag: string, value: string): Value {
  const found = values.find(it => it === value)
  if (found === undefined)
    throw new UsageError(`--${flag} takes ${values.join(', ')}, not "${value}"`)
  return found
}

/** The longest delay of a timer, about 24 days. */
const MAX_SECONDS = 2_147_483

function milliseconds(seconds: string | undefined): number | undefined {
  if (seconds === undefined) return undefined
  const value = Number(seconds)
  if (seconds.trim() === '' || !(value >= 0) || value > MAX_SECONDS)
    throw new UsageError(`--timeout takes seconds up to ${MAX_SECONDS}, not "${seconds}"`)
  return value === 0 ? undefined : value * 1_000
}
