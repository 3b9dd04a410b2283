import type { Context } from './context.ts'
import { type FunctionOf, toHandler } from './handler.ts'
import { isStructuredResult, isToolResult } from './is-mcp-result.ts'
import { isRecord } from './is-record.ts'
import type { ToolResult } from './mcp-results.ts'
import type { Shown, ToolAnnotations } from './registration.ts'
import {
  type InputOf,
  type JsonSchema,
  type OutputOf,
  type Schema,
  toJsonSchema,
  validate,
} from './schema.ts'
import { textOf } from './text-of.ts'

export interface ToolDefinition<Input extends Schema, Output extends Schema | undefined>
  extends Shown {
  name: string
  annotations?: ToolAnnotations | undefined
  /**
   * The schema of the arguments. The gateway checks its JSON Schema; a Standard Schema also
   * runs here.
   */
  input?: Input
  /** JSON Schema for an `input` that cannot be converted to it. */
  inputSchema?: JsonSchema
  /** The schema of the value that `run` returns. The value becomes the `structuredContent`. */
  output?: Output
  /** JSON Schema for an `output` that cannot be converted to it. */
  outputSchema?: JsonSchema
  /**
   * The gateway takes the responses to each question once. A client of protocol version 2026-07-28
   * that repeats the request with the same responses gets an error, and the tool does not run.
   */
  singleUse?: boolean
  /**
   * Returns an MCP result with blocks in `content`, a string (text), an object (structured content,
   * with its JSON as text) or undefined (no content). The client gets the message of a thrown error
   * as a result with `isError`.
   */
  run(args: OutputOf<Input>, ctx: Context): Returned<Output> | Promise<Returned<Output>>
}

type Returned<Output> = Output extends Schema ? InputOf<Output> | ToolResult : unknown

/** Makes a Lambda handler that is a tool. Export it, and register the result of `describe`. */
export function defineTool<
  const Input extends Schema = JsonSchema,
  const Output extends Schema | undefined = undefined,
>(definition: ToolDefinition<Input, Output>): FunctionOf<'tool', InputOf<Input>> {
  const { name, input, output } = definition
  return toHandler({
    type: 'tool',
    name,
    method: 'tools/call',
    complete: undefined,
    singleUse: definition.singleUse,
    async run({ arguments: args = {} }, ctx) {
      const checked = await validate(input, args)
      if ('faults' in checked)
        return toErrorResult(`Invalid arguments for the tool "${name}": ${checked.faults}`)
      return toResult(await definition.run(checked.value as OutputOf<Input>, ctx), output)
    },
    toErrorResult,
    describe() {
      const { title, description, annotations, icons, _meta } = definition
      const inputSchema = definition.inputSchema ?? input ?? { properties: {} }
      const outputSchema = definition.outputSchema ?? output
      return {
        title,
        description,
        inputSchema: toJsonSchema(inputSchema, 'input', `The input of "${name}"`, 'inputSchema'),
        outputSchema:
          outputSchema &&
          toJsonSchema(outputSchema, 'output', `The output of "${name}"`, 'outputSchema'),
        annotations,
        icons,
        _meta,
      }
    },
  })
}

async function toResult(value: unknown, output: Schema | undefined): Promise<ToolResult> {
  if (isToolResult(value) || isStructuredResult(value)) {
    const { structuredContent: structured, ...rest } = value
    if (structured === undefined) return { content: [], ...rest }
    const structuredContent =
      output && !value.isError ? await toStructuredContent(structured, output) : structured
    return { content: [text(structuredContent)], ...rest, structuredContent }
  }
  if (output) return withText(await toStructuredContent(value, output))
  if (value === undefined || value === null) return { content: [] }
  const content = [text(value)]
  // The JSON of an object with `toJSON` can be a string: that of a Date is one.
  const isObject = isRecord(value) && content[0]?.text.startsWith('{')
  return isObject ? { content, structuredContent: value } : { content }
}

async function toStructuredContent(value: unknown, output: Schema) {
  const checked = await validate(output, value)
  if ('value' in checked && isRecord(checked.value)) return checked.value
  const faults = 'faults' in checked ? checked.faults : 'it is not an object'
  throw new TypeError(`The tool's output does not match its output schema: ${faults}`)
}

const withText = (structuredContent: Record<string, unknown>): ToolResult => ({
  content: [text(structuredContent)],
  structuredContent,
})

const text = (value: unknown) => ({ type: 'text' as const, text: textOf(value) })

const toErrorResult = (message: string): ToolResult => ({
  isError: true,
  content: [text(message)],
})
