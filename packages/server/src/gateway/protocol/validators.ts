import type { Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { compileSchema, type Validate } from '../../json-schema/validator.ts'
import { stateOf } from '../../registry/registry.ts'

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
 * other tools were called.
 */
export function createCachedValidators(): (tool: Tool) => ToolValidators {
  const cache = new Map<string, ToolValidators>()

  return tool => {
    const cached = cache.get(tool.id)
    if (cached?.state === stateOf(tool)) return cached
    const validators = {
      state: stateOf(tool),
      input: compileSchema(tool.inputSchema),
      output: tool.outputSchema && compileSchema(tool.outputSchema),
    }
    cache.delete(tool.id)
    cache.set(tool.id, validators)
    const [oldest] = cache.keys()
    if (cache.size > MAX_CACHED_TOOLS && oldest) cache.delete(oldest)
    return validators
  }
}
