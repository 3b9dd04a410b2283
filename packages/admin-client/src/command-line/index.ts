/**
 * What the command-line programs of this product share. Internal: its form may change with any
 * version.
 *
 * @module
 */
export {
  type Command,
  type Definition,
  defineCommandOf,
  type Options,
  UsageError,
} from './command.ts'
export { loadingFile } from './loading.ts'
export { columns, paint, printJson, printResult, progressLine } from './output.ts'
export { runProgram } from './program.ts'
