import type { Command } from '../command-line/command.ts'
import { runProgram } from '../command-line/program.ts'
import { version } from '../version.ts'
import { applyCommand, planCommand } from './apply.ts'
import { PROGRAM } from './command.ts'
import { exportCommand } from './export.ts'
import { importCommand } from './import.ts'
import { logsCommand } from './logs.ts'
import { getCommand, listCommand, schemaCommand } from './read.ts'
import { registerCommand } from './register.ts'
import { removeCommand, repairCommand } from './remove.ts'

/** In the order of the help. Each imports what it needs when it runs. */
const COMMANDS: Command[] = [
  planCommand,
  applyCommand,
  listCommand,
  getCommand,
  registerCommand,
  removeCommand,
  repairCommand,
  exportCommand,
  importCommand,
  logsCommand,
  schemaCommand,
]

/** Takes the command line after the program's name. Resolves to the exit code: 1 is an error. */
export async function main(args: string[]): Promise<number> {
  return runProgram({ name: PROGRAM, version, commands: COMMANDS, usageExitCode: 1 }, args)
}
