import type { Context } from './context.ts'
import type { Completions } from './definition.ts'
import { type FunctionOf, toHandler } from './handler.ts'
import { isPromptResult } from './is-mcp-result.ts'
import { invalidParams } from './jsonrpc-error.ts'
import type { PromptResult } from './mcp-results.ts'
import type { PromptArgument, Shown } from './registration.ts'
import {
  type InputOf,
  type JsonSchema,
  type OutputOf,
  type Schema,
  toJsonSchema,
  validate,
} from './schema.ts'
import { textOf } from './text-of.ts'

/** MCP's list of arguments, or a schema of an object of strings: MCP has only string arguments. */
type Arguments = Schema | readonly PromptArgument[]

export interface PromptDefinition<Args extends Arguments> extends Shown {
  name: string
  arguments?: Args
  /** JSON Schema for a schema in `arguments` that cannot be converted to it. */
  argumentsSchema?: JsonSchema
  /**
   * Returns an MCP result with `messages`, a string (one message of the user), undefined (no
   * message) or any other value (one message with its JSON). The client gets the message of a
   * thrown error as a JSON-RPC error.
   */
  get(args: ReceivedBy<Args>, ctx: Context): unknown
  /** Completion, by argument. */
  complete?: Completions
}

type ReceivedBy<Args> = Args extends readonly PromptArgument[]
  ? Listed<Args>
  : OutputOf<Exclude<Args, readonly unknown[]>>

type SentTo<Args> = Args extends readonly PromptArgument[]
  ? Listed<Args>
  : InputOf<Exclude<Args, readonly unknown[]>>

type Listed<List extends readonly PromptArgument[]> = {
  [It in List[number] as It extends { required: true } ? It['name'] : never]: string
} & {
  [It in List[number] as It extends { required: true } ? never : It['name']]?: string
}

/** Makes a Lambda handler that is a prompt. See `defineTool`. */
export function definePrompt<const Args extends Arguments = readonly []>(
  definition: PromptDefinition<Args>,
): FunctionOf<'prompt', SentTo<Args>> {
  const { name, arguments: schema } = definition
  return toHandler({
    type: 'prompt',
    name,
    method: 'prompts/get',
    complete: definition.complete,
    async run({ arguments: args = {} }, ctx) {
      const checked = await validate(isList(schema) ? undefined : schema, args)
      if ('faults' in checked)
        throw invalidParams(`Invalid arguments for the prompt "${name}": ${checked.faults}`)
      return toResult(await definition.get(checked.value as ReceivedBy<Args>, ctx))
    },
    describe() {
      const { title, description, icons, _meta } = definition
      return { title, description, arguments: listOf(), icons, _meta }
    },
  })

  function listOf(): PromptArgument[] | undefined {
    if (isList(schema) || schema === undefined) return schema && [...schema]
    const given = definition.argumentsSchema ?? schema
    const where = `The arguments of "${name}"`
    const { properties = {}, required = [] } = toJsonSchema(
      given,
      'input',
      where,
      'argumentsSchema',
    ) as { properties?: Record<string, Record<string, string>>; required?: string[] }
    return Object.entries(properties).map(([name, { title, description }]) => ({
      name,
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
      required: required.includes(name),
    }))
  }

  function toResult(value: unknown): PromptResult {
    if (isPromptResult(value)) return value
    const { description } = definition
    const messages: PromptResult['messages'] =
      value === undefined || value === null
        ? []
        : [{ role: 'user', content: { type: 'text', text: textOf(value) } }]
    return { ...(description === undefined ? {} : { description }), messages }
  }
}

// Array.isArray does not narrow a union with readonly arrays.
const isList = (it: Arguments | undefined): it is readonly PromptArgument[] => Array.isArray(it)
