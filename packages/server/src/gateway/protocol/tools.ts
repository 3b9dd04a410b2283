import { isInputRequiredResult, type Server } from '@modelcontextprotocol/server'

import { failedTool, toToolResult } from '../../invoker/contracts/arguments.ts'
import { mayUse, visible } from './access.ts'
import { advertiseTool } from './advertise.ts'
import type { Capability } from './capability.ts'
import { unknownName } from './function-calls.ts'
import { page } from './paging.ts'
import type { createCachedValidators } from './validators.ts'

/** `tools/list` and `tools/call`. */
export function serveTools(
  server: Server,
  { registry, connection: { caller }, calls }: Capability,
  validatorsOf: ReturnType<typeof createCachedValidators>,
): void {
  server.setRequestHandler('tools/list', async ({ params }) => {
    const tools = visible(await registry.snapshot(), 'tool', caller)
    const { items, nextCursor } = page(tools.map(advertiseTool), params?.cursor)
    return { tools: items, nextCursor }
  })

  server.setRequestHandler('tools/call', async ({ params }, ctx) => {
    const tool = await registry.find('tool', params.name)
    if (!tool || !mayUse(tool, caller)) throw unknownName('tool', params.name)
    const validators = validatorsOf(tool)
    const args = params.arguments ?? {}
    const fault = validators.input(args)
    if (fault) return failedTool(`Invalid arguments for the tool "${tool.name}": ${fault}`)

    const request = { method: 'tools/call' as const, params: { ...params, arguments: args } }
    const result =
      tool.contract === 'mcp'
        ? await calls.callMcp(tool, request, ctx)
        : toToolResult(await calls.callWithArguments(tool, args, ctx))
    if (isInputRequiredResult(result)) return result
    if (!validators.output || result.isError) return result
    const mismatch = validators.output(result.structuredContent)
    return mismatch
      ? failedTool(`The output of the function does not match the output schema: ${mismatch}`)
      : result
  })
}
