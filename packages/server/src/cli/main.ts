import { isRecord } from '../is-record.ts'
import { version } from '../version.ts'
import { type Command, table, UsageError } from './command.ts'
import { deployCommand } from './deploy.ts'
import { describeCommand } from './describe.ts'
import { destroyCommand } from './destroy.ts'
import { doctorCommand } from './doctor.ts'
import { grantCommand, revokeCommand } from './grant.ts'
import { localCommand } from './local.ts'
import { policyCommand } from './policy.ts'
import { statusCommand } from './status.ts'

/** In the order of the help. Each imports what it needs when it runs: the AWS SDK takes a while. */
const COMMANDS: Command[] = [
  deployCommand,
  statusCommand,
  doctorCommand,
  grantCommand,
  revokeCommand,
  policyCommand,
  destroyCommand,
  localCommand,
  describeCommand,
]

const HELP = `mcp-lambda-sam <command>

Commands
${table(COMMANDS.map(({ name, summary }) => [name, summary]))}

Options
${table([
  ['--help', 'show this; after a command, show the help of the command'],
  ['--version', 'show the version'],
])}`

/** Takes the command line after the program's name. Resolves to the exit code. */
export async function main([name, ...args]: string[]): Promise<number> {
  try {
    if (name === '--version') return print(version)
    if (name === undefined || name === '--help' || name === '-h') return print(HELP)
    const command = COMMANDS.find(it => it.name === name)
    if (!command) throw unknown(name)
    // The warning is about later versions of the SDK. The version in use is pinned.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
    return await command.execute(args)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(error.message)
      return 2
    }
    if (!isExplained(error)) throw error
    console.error(`${error.message.replace(/\.$/, '')}.\n${error.hint}`)
    return EXIT_CODES[error.code] ?? 1
  }
}

function unknown(name: string) {
  const kind = name.startsWith('-') ? 'option' : 'command'
  const known = COMMANDS.map(it => it.name).join(', ')
  return new UsageError(`Unknown ${kind} ${name}. Known: ${known}, --help, --version`)
}

/** The errors of all our packages have a hint. Any other error is a bug and keeps its stack. */
function isExplained(error: unknown): error is Error & { code: string; hint: string } {
  return error instanceof Error && isRecord(error) && typeof error['hint'] === 'string'
}

/** 2: the command line is wrong. 130: stopped with Ctrl-C, as shells report it. */
const EXIT_CODES: Record<string, number> = { invalid_option: 2, missing_region: 2, aborted: 130 }

function print(text: string) {
  console.log(text)
  return 0
}
