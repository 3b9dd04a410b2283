import {
  type Command,
  type Definition,
  defineCommandOf,
  type Options,
} from '../command-line/command.ts'

export const PROGRAM = 'mcp-lambda-sam-admin'

export const defineCommand = <const Given extends Options>(
  definition: Definition<Given>,
): Command => defineCommandOf(PROGRAM, definition)
