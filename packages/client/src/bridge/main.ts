#!/usr/bin/env node
import manifest from '../../package.json' with { type: 'json' }
import { ClientError } from '../errors.ts'
import { type CommandLine, readCommandLine, variable } from './command-line.ts'
import { HELP } from './help.ts'
import { runProxy } from './http-proxy/run.ts'
import { createLog } from './log.ts'
import { loginHint } from './login-hint.ts'
import { configFor } from './print-config.ts'
import { runStdio } from './stdio/run.ts'
import { runCommand } from './terminal/run.ts'
import { UsageError } from './usage-error.ts'

// The warning is about later versions of the SDK. The version in use is pinned.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

// The reader of the log may be gone. The bridge goes on without it.
process.stderr.on('error', () => {})

const exitCode = await main(process.argv.slice(2))
// Open sockets would keep the process alive. stdout may still be on its way to a pipe.
if (exitCode !== undefined) process.stdout.write('', () => process.exit(exitCode))

/** Resolves with the exit code; undefined where the bridge ends the process itself. */
async function main(args: string[]): Promise<number | undefined> {
  let profile: string | undefined
  try {
    const line = readCommandLine(args)
    if (line === 'help') return print(HELP)
    if (line === 'version') return print(manifest.version)
    profile = line.profile
    return await run(line)
  } catch (error) {
    return await report(error, profile)
  }
}

async function run(line: CommandLine): Promise<number | undefined> {
  const { use, flags, profile } = line
  // The reader of the output has had enough, as in "… | head".
  if (use !== 'stdio') process.stdout.on('error', () => process.exit(1))
  if (use === 'print-config') {
    const { text, place } = configFor(line)
    console.error(place)
    return print(text)
  }
  const log = createLog(line.logLevel, line.logFile)
  if (use === 'stdio') return void runStdio({ ...line, log })
  if (use === 'http') {
    const token = flags['no-token'] ? false : flags.token || variable('TOKEN')
    return runProxy({ ...line, log, port: flags.http ?? '', token, json: flags.json ?? false })
  }
  const hintFor = async (error: unknown) =>
    error instanceof ClientError ? loginHint(error, profile) : undefined
  return runCommand(line, { log, version: manifest.version, hintFor })
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
  return error.code === 'invalid_url' ? 2 : 1
}

function print(text: string): number {
  console.log(text)
  return 0
}
