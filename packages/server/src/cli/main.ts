import { runProgram } from '@markvp/mcp-lambda-sam-admin-client/command-line'

import { version } from '../version.ts'
import type { Command } from './command.ts'
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

/** Takes the command line after the program's name. Resolves to the exit code. */
export async function main(args: string[]): Promise<number> {
  // The warning is about later versions of the SDK. The version in use is pinned.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  return runProgram({ name: 'mcp-lambda-sam', version, commands: COMMANDS }, args)
}
