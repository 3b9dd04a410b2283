import { type ParseArgsConfig, parseArgs } from 'node:util'

import { AUDIENCES, type Audience } from '../deploy/policies.ts'
import { UsageError } from './usage.ts'

/** What every command that works on a deployed stack takes. */
export const STACK_OPTIONS = {
  'stack-name': { type: 'string', default: 'mcp-lambda-sam' },
  region: { type: 'string' },
  profile: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options']

export const STACK_HELP = `  --stack-name <name>   of the CloudFormation stack (mcp-lambda-sam)
  --region <region>     (AWS_REGION, AWS_DEFAULT_REGION, that of the profile)
  --profile <name>      of the AWS configuration files
  --help                show this`

/** Flags alone; anything else is a mistake, and the message says where to look. */
export function parse<const Options extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  args: string[],
  options: Options,
) {
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    const [reason] = String((error as Error).message).split('. ')
    throw new UsageError(`${reason}. "mcp-lambda-sam ${command} --help" lists the options.`)
  }
}

export function audience(flag: string, value: string | undefined): Audience {
  const found = AUDIENCES.find(it => it === value)
  if (found) return found
  throw new UsageError(`${flag} takes ${AUDIENCES.join(' or ')}${value ? `, not "${value}"` : ''}`)
}

/** Whether there is somebody to ask. */
export const isInteractive = () => Boolean(process.stdin.isTTY && process.stdout.isTTY)

/** The first Ctrl-C is for the work, which says how to go on; a second one ends the process. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController()
  const stop = () => interrupt.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    return await work(interrupt.signal)
  } finally {
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop)
  }
}
