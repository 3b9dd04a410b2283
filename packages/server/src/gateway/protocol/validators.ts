import type { JsonSchema, Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv'

import { stateOf } from '../../registry/registry.ts'

/** What is wrong with a value, one line per fault that names the place; undefined when nothing is. */
type Check = (value: unknown) => string | undefined

interface Checks {
  of: string
  input: Check
  output: Check | undefined
}

/** Of so many tools; what is compiled for one takes some 30 KB, and 3 ms to make again. */
const KEPT = 500

/**
 * Compiles the schemas of a tool when it is first called and keeps them until its next version, or until
 * many others have been compiled. Each schema gets a validator of its own: a shared one leaks every schema it
 * has seen, and takes two schemas with the same `$id` for one.
 */
export function schemaChecks(): (tool: Tool) => Checks {
  const cache = new Map<string, Checks>()

  return tool => {
    const cached = cache.get(tool.id)
    if (cached?.of === stateOf(tool)) return cached
    const checks = {
      of: stateOf(tool),
      input: compile(tool.inputSchema),
      output: tool.outputSchema && compile(tool.outputSchema as JsonSchema),
    }
    cache.delete(tool.id)
    cache.set(tool.id, checks)
    const [oldest] = cache.keys()
    if (cache.size > KEPT && oldest) cache.delete(oldest)
    return checks
  }
}

function compile(schema: JsonSchema): Check {
  const validate = new AjvJsonSchemaValidator().getValidator(schema)
  return value => {
    const { valid, errorMessage } = validate(value)
    return valid ? undefined : errorMessage
  }
}
