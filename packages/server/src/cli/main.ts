import { createRequire } from 'node:module'

import { describeFile } from './describe.ts'
import { local } from './local.ts'
import { UsageError } from './usage.ts'

const HELP = `mcp-lambda-sam <command>

Commands
  local      run the gateway on this machine, without an AWS account
  describe   print the registration of a function made with defineTool and its siblings

Options
  --help     show this, or after a command the command's own help
  --version  show the version
`

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = {
  local,
  describe: describeFile,
}

/** The command line after the program's name. Resolves to the exit code. */
export async function main([name, ...args]: string[]): Promise<number> {
  try {
    if (name === '--version') return print(version())
    if (name === undefined || name === '--help' || name === '-h') return print(HELP)
    const command = Object.hasOwn(COMMANDS, name) && COMMANDS[name]
    if (!command)
      throw new UsageError(
        `Unknown ${name.startsWith('-') ? 'option' : 'command'} ${name}. Known: ${Object.keys(COMMANDS).join(', ')}, --help, --version`,
      )
    return await command(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(error.message)
    return 2
  }
}

function print(text: string) {
  console.log(text.trimEnd())
  return 0
}

function version(): string {
  const require = createRequire(import.meta.url)
  return require('@markvp/mcp-lambda-sam/package.json').version
}
