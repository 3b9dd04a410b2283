import { createRequire } from 'node:module'

import { UsageError } from './usage.ts'

const HELP = `mcp-lambda-sam <command>

Commands
  deploy     bring the gateway to an AWS account, or up to date
  status     what is deployed, and whether it may call what is registered
  doctor     find out why a gateway cannot be used
  grant      let a principal use the gateway, or register functions
  revoke     take that back
  policy     print the IAM policy that allows the same
  destroy    delete what was deployed
  local      run the gateway on this machine, without an AWS account
  describe   print the registration of a function made with defineTool and its siblings

Options
  --help     show this, or after a command the command's own help
  --version  show the version
`

type Command = (args: string[]) => Promise<number>

/** Each with what it needs, which is loaded when it is called. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  deploy: async () => (await import('./deploy.ts')).deployStack,
  status: async () => (await import('./status.ts')).showStatus,
  doctor: async () => (await import('./doctor.ts')).examine,
  grant: async () => (await import('./grant.ts')).grantAccess,
  revoke: async () => (await import('./grant.ts')).revokeAccess,
  policy: async () => (await import('./policy.ts')).printPolicy,
  destroy: async () => (await import('./destroy.ts')).destroyStack,
  local: async () => (await import('./local.ts')).local,
  describe: async () => (await import('./describe.ts')).describeFile,
}

/** The command line after the program's name. Resolves to the exit code. */
export async function main([name, ...args]: string[]): Promise<number> {
  try {
    if (name === '--version') return print(version())
    if (name === undefined || name === '--help' || name === '-h') return print(HELP)
    const load = Object.hasOwn(COMMANDS, name) && COMMANDS[name]
    if (!load)
      throw new UsageError(
        `Unknown ${name.startsWith('-') ? 'option' : 'command'} ${name}. Known: ${Object.keys(COMMANDS).join(', ')}, --help, --version`,
      )
    // It is about versions to come, and this one is pinned.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
    const command = await load()
    return await command(args)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(error.message)
      return 2
    }
    if (!isExplained(error)) throw error
    console.error(`${error.message.replace(/\.$/, '')}.\n${error.fix}`)
    return EXIT_CODES[error.code] ?? 1
  }
}

/** Errors that are for the user carry what to do about them. */
function isExplained(error: unknown): error is Error & { code: string; fix: string } {
  return error instanceof Error && typeof (error as { fix?: unknown }).fix === 'string'
}

/** 2 for what can be put right on the command line, 130 as after any Ctrl-C. */
const EXIT_CODES: Record<string, number> = { invalid_option: 2, missing_region: 2, aborted: 130 }

function print(text: string) {
  console.log(text.trimEnd())
  return 0
}

function version(): string {
  const require = createRequire(import.meta.url)
  return (require('@markvp/mcp-lambda-sam/package.json') as { version: string }).version
}
