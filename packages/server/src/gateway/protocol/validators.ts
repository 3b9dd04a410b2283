import type { JsonSchema, Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv'

import { stateOf } from '../../registry/registry.ts'

/** Returns what is wrong with a value, one line per fault, or undefined for a valid value. */
type Validate = (value: unknown) => string | undefined

interface ToolValidators {
  /** The state of the registration that was compiled. */
  state: string
  input: Validate
  output: Validate | undefined
}

/** Number of tools whose compiled validators are kept: about 30 KB each, 3 ms to rebuild. */
const MAX_CACHED_TOOLS = 500

/**
 * Compiles the schemas of a tool at its first call and keeps them until the tool changes or many
 * other tools were called. Each schema gets a validator of its own: a shared validator keeps every
 * schema in memory, and confuses two schemas with the same `$id`.
 */
export function createCachedValidators(): (tool: Tool) => ToolValidators {
  const cache = new Map<string, ToolValidators>()

  return tool => {
    const cached = cache.get(tool.id)
    if (cached?.state === stateOf(tool)) return cached
    const validators = {
      state: stateOf(tool),
      input: compile(tool.inputSchema),
      output: tool.outputSchema && compile(tool.outputSchema as JsonSchema),
    }
    cache.delete(tool.id)
    cache.set(tool.id, validators)
    const [oldest] = cache.keys()
    if (cache.size > MAX_CACHED_TOOLS && oldest) cache.delete(oldest)
    return validators
  }
}

function compile(schema: JsonSchema): Validate {
  const validate = new AjvJsonSchemaValidator().getValidator(schema)
  return value => {
    const { valid, errorMessage } = validate(value)
    return valid ? undefined : errorMessage
  }
}
