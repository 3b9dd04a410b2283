import { readFileSync, statSync } from 'node:fs'
import { parseEnv as parseEnvText } from 'node:util'

import type { AwsAccess } from '../local/aws-access.ts'
import type { FunctionPlace } from '../local/developer-functions.ts'
import { DEVELOPER } from '../local/principals.ts'
import type { LocalOptions } from '../local/start.ts'
import { UsageError } from './command.ts'

/** The options of `mcp-lambda-sam local`, as its command line has them. */
export interface LocalFlags {
  functions?: string
  manifest?: string
  template?: string
  parameter?: string[]
  'no-register'?: boolean
  env?: string[]
  'env-file'?: string[]
  'aws-profile'?: string
  'aws-credentials'?: string
  python?: string
  concurrency: string
  inspect?: string
  port: string
  'registration-port': string
  'console-port'?: string
  'no-console'?: boolean
  data?: string
  push?: boolean
  instructions?: string
  'hold-back'?: boolean
}

/** Rejects with a `UsageError` that names the option and what it takes. */
export async function localOptions(flags: LocalFlags): Promise<LocalOptions> {
  const functions = placeOf(flags)
  return {
    port: portOf('--port', flags.port),
    registrationPort: portOf('--registration-port', flags['registration-port']),
    ...(!flags['no-console'] && { console: consoleOf(flags) }),
    ...(functions && { functions }),
    register: !flags['no-register'],
    variables: variablesOf(flags),
    awsAccess: await awsAccessOf(flags),
    ...(flags.python !== undefined && { python: existing('--python', flags.python) }),
    ...(flags.inspect !== undefined && { inspect: portOf('--inspect', flags.inspect) }),
    concurrency: concurrencyOf(flags.concurrency),
    ...(flags.data !== undefined && { data: flags.data }),
    push: flags.push ?? false,
    environment: { INSTRUCTIONS: flags.instructions ?? '' },
    holdBack: flags['hold-back'] ?? false,
  }
}

function placeOf(flags: LocalFlags): FunctionPlace | undefined {
  const { functions, manifest, template } = flags
  const given = [functions, manifest, template].filter(it => it !== undefined)
  if (given.length > 1)
    throw new UsageError('Only one of --functions, --manifest and --template can be given')
  if (flags.parameter && template === undefined)
    throw new UsageError('--parameter belongs to --template')
  if (functions !== undefined) return { folder: folderOf('--functions', functions) }
  if (manifest !== undefined) return { manifest: fileOf('--manifest', manifest) }
  if (template === undefined) return undefined
  const parameters = Object.fromEntries((flags.parameter ?? []).map(it => pair('--parameter', it)))
  return { template: fileOf('--template', template), parameters }
}

function consoleOf({ 'console-port': port }: LocalFlags): NonNullable<LocalOptions['console']> {
  return port === undefined ? {} : { port: portOf('--console-port', port) }
}

function portOf(flag: string, value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) < 65_536) return Number(value)
  throw new UsageError(
    `${flag} takes a port number up to 65535, or 0 for a free one, not "${value}"`,
  )
}

function concurrencyOf(value: string): number {
  if (/^\d{1,4}$/.test(value) && Number(value) >= 1 && Number(value) <= 1000) return Number(value)
  throw new UsageError(`--concurrency takes a number from 1 to 1000, not "${value}"`)
}

const kindOf = (path: string) => statSync(path, { throwIfNoEntry: false })

function folderOf(flag: string, path: string): string {
  if (kindOf(path)?.isDirectory()) return path
  throw new UsageError(`${flag} takes a folder that exists, not "${path}"`)
}

function fileOf(flag: string, path: string): string {
  if (kindOf(path)?.isFile()) return path
  throw new UsageError(`${flag} takes a file that exists, not "${path}"`)
}

/** A program may also be found in the PATH. */
function existing(flag: string, path: string): string {
  if (!/[\\/]/.test(path) || kindOf(path)) return path
  throw new UsageError(`${flag} takes a program or a virtual environment, not "${path}"`)
}

function variablesOf(flags: LocalFlags): Record<string, string> {
  const files = (flags['env-file'] ?? []).map(path => parseEnv(fileOf('--env-file', path)))
  const own = Object.fromEntries((flags.env ?? []).map(it => pair('--env', it)))
  return Object.assign({}, ...files, own)
}

function parseEnv(path: string): Record<string, string> {
  return parseEnvText(readFileSync(path, 'utf8')) as Record<string, string>
}

/** The message does not repeat the value, which may be a secret. */
function pair(flag: string, text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  const name = text.slice(0, at)
  if (at > 0 && /^[\w:]+$/.test(name)) return [name, text.slice(at + 1)]
  const takes = flag === '--env' ? 'NAME=value' : 'Name=value'
  throw new UsageError(`${flag} takes ${takes}`)
}

async function awsAccessOf(flags: LocalFlags): Promise<AwsAccess> {
  const { 'aws-profile': profile, 'aws-credentials': credentials } = flags
  if (profile !== undefined && credentials !== undefined)
    throw new UsageError('Only one of --aws-profile and --aws-credentials can be given')
  if (profile !== undefined) {
    const { requireProfile } = await import('../deploy/profiles.ts')
    const { region } = await requireProfile(profile)
    return { type: 'profile', profile, ...(region !== undefined && { region }) }
  }
  if (credentials === undefined) return { type: 'none' }
  if (credentials !== 'env')
    throw new UsageError(`--aws-credentials takes env, not "${credentials}"`)
  const key = process.env['AWS_ACCESS_KEY_ID']
  if (!key) throw new UsageError('--aws-credentials env needs AWS_ACCESS_KEY_ID in this shell')
  if (key === DEVELOPER.accessKeyId)
    throw new UsageError(
      'AWS_ACCESS_KEY_ID of this shell is the key of the local gateway, not of AWS: unset it, or use --aws-profile',
    )
  return { type: 'environment' }
}
