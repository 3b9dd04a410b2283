import type { ToolInput } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Context } from './context.ts'
import { type FunctionOf, toHandler } from './handler.ts'
import { isRecord, type ToolResult } from './mcp-results.ts'
import {
  type InputOf,
  type JsonSchema,
  type OutputOf,
  type Schema,
  toJsonSchema,
  validate,
} from './schema.ts'

export interface ToolDefinition<Input extends Schema, Output extends Schema | undefined>
  extends Pick<ToolInput, 'title' | 'description' | 'annotations' | 'icons' | '_meta'> {
  name: string
  /** Of the arguments. The gateway checks them as JSON Schema; a Standard Schema is run here as well. */
  input?: Input
  /** For an `input` that cannot write itself as JSON Schema. */
  inputSchema?: JsonSchema
  /** Of what `run` returns, which is then the tool's `structuredContent`. */
  output?: Output
  /** For an `output` that cannot write itself as JSON Schema. */
  outputSchema?: JsonSchema
  /**
   * A string is text; an object is structured content, and its JSON is text; an MCP result, with blocks in `content`,
   * is one; nothing is no content. What it throws is told to the client, which is a result with `isError`.
   */
  run(args: OutputOf<Input>, ctx: Context): Returned<Output> | Promise<Returned<Output>>
}

type Returned<Output> = Output extends Schema ? InputOf<Output> | ToolResult : unknown

/** A Lambda function that is a tool, to be exported as its handler and registered with what `describe` gives. */
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
    async answer({ arguments: args = {} }, ctx) {
      const checked = await validate(input, args)
      if ('faults' in checked)
        return failed(`Invalid arguments for the tool "${name}": ${checked.faults}`)
      return toResult(await definition.run(checked.value as OutputOf<Input>, ctx), output)
    },
    failed,
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
  if (isToolResult(value)) {
    if (value.isError || value.structuredContent === undefined) return value
    const structuredContent = await structured(value.structuredContent, output)
    return { ...value, structuredContent }
  }
  if (output) return both(await structured(value, output))
  if (value === undefined || value === null) return { content: [] }
  return isRecord(value) ? both(value) : { content: [text(value)] }
}

async function structured(value: unknown, output: Schema | undefined) {
  const checked = await validate(output, value)
  if ('value' in checked && isRecord(checked.value)) return checked.value
  const faults = 'faults' in checked ? checked.faults : 'it is not an object'
  throw new TypeError(`The tool's answer does not match its output schema: ${faults}`)
}

const isToolResult = (value: unknown): value is ToolResult =>
  isRecord(value) &&
  Array.isArray(value['content']) &&
  value['content'].every(block => isRecord(block) && typeof block['type'] === 'string')

const both = (structuredContent: Record<string, unknown>): ToolResult => ({
  content: [text(structuredContent)],
  structuredContent,
})

const text = (value: unknown) => ({
  type: 'text' as const,
  text: typeof value === 'string' ? value : JSON.stringify(value),
})

const failed = (message: string): ToolResult => ({
  isError: true,
  content: [text(message)],
})
