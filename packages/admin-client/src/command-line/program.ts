import { isRecord } from '../is-record.ts'
import { type Command, table, UsageError } from './command.ts'
import { paint } from './output.ts'

export interface Program {
  name: string
  version: string
  /** In the order of the help. */
  commands: Command[]
  /** The exit code of a wrong command line. Default: 2 */
  usageExitCode?: number
}

/** Runs a command line, without the program's name. Resolves to the exit code. */
export async function runProgram(program: Program, args: string[]): Promise<number> {
  const { commands, usageExitCode = 2 } = program
  const asJson = args.includes('--json')
  try {
    const [name, ...rest] = args
    if (name === '--version' || name === '-v' || name === 'version') return print(program.version)
    if (name === undefined || name === '--help' || name === '-h') return print(helpOf(program))
    if (name === 'help') return await help(program, rest[0])
    const command = commands.find(it => it.name === name)
    if (!command) throw unknown(program, name)
    return await command.execute(rest)
  } catch (error) {
    if (!isExplained(error)) {
      if (asJson) printError({ code: 'internal_error', message: String(error), hint: BUG })
      throw error
    }
    const { code, hint } = error
    const message = error.message.replace(/\.$/, '')
    const issues = issuesOf(error)
    if (asJson) printError({ code, message, hint, ...(issues.length > 0 && { issues }) })
    if (error instanceof UsageError) {
      report(error.message)
      return usageExitCode
    }
    // The message has one, or the first of several.
    const others = issues.length > 1 ? issues.filter(it => !names(message, it)) : []
    const lines = others.map(it => `  ${it.path} ${it.message}`)
    report([`${message}.`, ...lines, hint].join('\n'))
    return code in EXIT_CODES && usageExitCode === 2 ? (EXIT_CODES[code] ?? 1) : 1
  }
}

interface Issue {
  path: string
  message: string
}

/** What is wrong with a registration, and where. */
const issuesOf = ({ issues }: { issues?: Issue[] }): Issue[] => issues ?? []

const names = (text: string, { path, message }: Issue) =>
  text.includes(`${path} ${message}`) || text.includes(`${path}: ${message}`)

/** On one line: "mcp-lambda-sam local" prints one document a line. */
function printError(error: { code: string; message: string; hint: string; issues?: Issue[] }) {
  console.log(JSON.stringify({ error }))
}

const BUG = 'This is a fault of the program: report it with the stack trace on stderr.'

async function help(program: Program, name: string | undefined): Promise<number> {
  if (name === undefined) return print(helpOf(program))
  const command = program.commands.find(it => it.name === name)
  if (!command) throw unknown(program, name)
  return command.execute(['--help'])
}

function helpOf({ name, commands }: Program): string {
  return `${name} <command>

Commands
${table(commands.map(it => [it.name, it.summary]))}

Options
${table([
  ['-h, --help', 'show this; after a command, show the help of the command'],
  ['-v, --version', 'show the version'],
])}`
}

function unknown({ commands }: Program, name: string) {
  const kind = name.startsWith('-') ? 'option' : 'command'
  const known = commands.map(it => it.name)
  const meant = known.find(it => isNear(it, name))
  const question = meant ? ` Did you mean "${meant}"?` : ''
  return new UsageError(
    `Unknown ${kind} ${name}.${question} Known: ${known.join(', ')}, help, --version`,
  )
}

/** Whether at most two characters differ, or one is the beginning of the other. */
function isNear(known: string, given: string): boolean {
  if (given.length >= 3 && (known.startsWith(given) || given.startsWith(known))) return true
  return given.length <= 20 && distance(known, given) <= (given.length > 4 ? 2 : 1)
}

/** The Levenshtein distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, n) => n)
  for (const [i, a] of [...one].entries()) {
    const next = [i + 1]
    for (const [j, b] of [...other].entries())
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (a === b ? 0 : 1)),
      )
    row = next
  }
  return row.at(-1) ?? 0
}

/** The errors of all our packages have a hint. Any other error is a bug and keeps its stack. */
function isExplained(
  error: unknown,
): error is Error & { code: string; hint: string; issues?: Issue[] } {
  return error instanceof Error && isRecord(error) && typeof error['hint'] === 'string'
}

/** 2: the command line is wrong. 130: stopped with Ctrl-C, as shells report it. */
const EXIT_CODES: Record<string, number> = { invalid_option: 2, missing_region: 2, aborted: 130 }

function report(text: string) {
  const [first = '', ...rest] = text.split('\n')
  console.error([paint(process.stderr, 'red', first), ...rest].join('\n'))
}

function print(text: string) {
  console.log(text)
  return 0
}
