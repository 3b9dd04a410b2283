import { parseArgs } from 'node:util'

/** A command line that cannot be understood. The message says what is expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'invalid_option'
  readonly hint = 'Correct the command line; after a command, --help lists its options.'
}

/** An option as `parseArgs` of `node:util` takes it, with its text for the help. */
interface Option {
  type: 'string' | 'boolean'
  short?: string
  multiple?: boolean
  default?: string | boolean | string[] | boolean[]
  /** How the help shows the value: `<name>`. */
  value?: string
  /** Line breaks are kept and indented. */
  help: string
}

export type Options = Record<string, Option>

type Flags<Given extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Given }>
>['values']

export interface Definition<Given extends Options> {
  name: string
  /** One line in the list of all commands. */
  summary: string
  /** What follows the name on the first line of the help. */
  usage: string
  /** What the command does. */
  help: string
  /** Command lines after the program's name. */
  examples?: string[]
  /** The name of the one positional argument, for messages. Absent: the command takes none. */
  argument?: string
  options: Given
  /** Resolves to the exit code. */
  run(flags: Flags<Given>, argument: string | undefined): Promise<number>
}

export interface Command {
  name: string
  summary: string
  /** Runs what follows the command's name on the command line. Resolves to the exit code. */
  execute(args: string[]): Promise<number>
}

/**
 * A command of a program. Its help, its parsing and its messages about wrong options come from its
 * definition.
 */
export function defineCommandOf<const Given extends Options>(
  program: string,
  definition: Definition<Given>,
): Command {
  const { name, summary, argument, run } = definition
  const options: Options = { ...definition.options, help: HELP }
  return {
    name,
    summary,
    async execute(args) {
      const { values, positionals } = parse(args)
      if (values['help']) {
        console.log(helpOf(program, { ...definition, options }))
        return 0
      }
      if (positionals.length > 1) throw usageError(`Only one ${argument} can be given`)
      return run(values as Flags<Given>, positionals[0])
    },
  }

  function parse(args: string[]) {
    try {
      return parseArgs({ args, options, allowPositionals: argument !== undefined })
    } catch (error) {
      // The first sentence names the mistake. The others are about calling parseArgs.
      throw usageError(String((error as Error).message).split(/\.\s/, 1)[0] ?? '')
    }
  }

  function usageError(reason: string) {
    return new UsageError(`${reason}. "${program} ${name} --help" lists the options.`)
  }
}

function helpOf(
  program: string,
  {
    name,
    usage,
    help,
    examples = [],
    options,
  }: Pick<Definition<Options>, 'name' | 'usage' | 'help' | 'examples' | 'options'>,
): string {
  const rows = Object.entries(options).map(
    ([option, { value, help }]) =>
      [[`--${option}`, value].filter(Boolean).join(' '), help] as const,
  )
  const shown = examples.map(it => `  ${program} ${it}`)
  return [
    `${program} ${name} ${usage}`,
    help,
    `Options\n${table(rows)}`,
    ...(shown.length > 0 ? [`Examples\n${shown.join('\n')}`] : []),
  ].join('\n\n')
}

const HELP: Option = { type: 'boolean', short: 'h', help: 'show this' }

/** Two columns, the second aligned; line breaks in the second keep its alignment. */
export function table(rows: (readonly [left: string, right: string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  const indent = ' '.repeat(width + 4)
  return rows
    .map(([left, right]) => `  ${left.padEnd(width)}  ${right.replaceAll('\n', `\n${indent}`)}`)
    .join('\n')
}
