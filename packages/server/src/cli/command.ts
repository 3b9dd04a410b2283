import {
  type Command,
  type Definition,
  defineCommandOf,
  type Options,
} from '@markvp/mcp-lambda-sam-admin-client/command-line'

export {
  type Command,
  loadingFile,
  printJson,
  printResult,
  UsageError,
} from '@markvp/mcp-lambda-sam-admin-client/command-line'

export const defineCommand = <const Given extends Options>(
  definition: Definition<Given>,
): Command => defineCommandOf('mcp-lambda-sam', definition)
