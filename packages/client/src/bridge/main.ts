#!/usr/bin/env node
import manifest from '../../package.json' with { type: 'json' }
import { ClientError } from '../errors.ts'
import { type CommandLine, readCommandLine } from './command-line.ts'
import { HELP } from './help.ts'
import { createLog } from './log.ts'
import { loginHint } from './login-hint.ts'
import { runStdio } from './stdio/run.ts'
import { UsageError } from './usage-error.ts'

// The warning is about later versions of the SDK. The version in use is pinned.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

await main(process.argv.slice(2))

async function main(args: string[]) {
  let line: CommandLine | 'help' | 'version' | undefined
  try {
    line = readCommandLine(args)
    if (line === 'help') return console.log(HELP)
    if (line === 'version') return console.log(manifest.version)
    const log = createLog(line.logLevel, line.logFile)
    if (line.use === 'stdio') return runStdio({ ...line, log })
    console.log('todo')
  } catch (error) {
    const profile = typeof line === 'object' ? line.profile : undefined
    process.exitCode = await report(error, profile)
  }
}

/** Resolves with the exit code. An error without a hint is a bug and keeps its stack. */
async function report(error: unknown, profile: string | undefined): Promise<number> {
  if (error instanceof UsageError) {
    console.error(error.message)
    return 2
  }
  if (!(error instanceof ClientError)) throw error
  const hint = (await loginHint(error, profile)) ?? error.hint
  console.error(`${error.message.replace(/\.$/, '')}.\n${hint}`)
  return error.code === 'invalid_url' || error.code === 'missing_region' ? 2 : 1
}
