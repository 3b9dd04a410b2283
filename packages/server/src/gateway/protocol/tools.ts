import { isInputRequiredResult, type Server } from '@modelcontextprotocol/server'

import { cutText } from '../../http/cut-text.ts'
import { failedTool, toToolOutput } from '../../invoker/contracts/arguments.ts'
import { fitToClient, inexactNumbers } from '../../invoker/contracts/structured-content.ts'
import { mayUse, visible } from './access.ts'
import { advertiseTool } from './advertise.ts'
import type { Capability } from './capability.ts'
import { sentArguments } from './exact-arguments.ts'
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
    const args = sentArguments(params.arguments ?? {}, ctx)
    const fault = validators.input(args)
    if (fault) return failedTool(cutText(`Invalid arguments for the tool "${tool.name}": ${fault}`))

    const request = { method: 'tools/call' as const, params: { ...params, arguments: args } }
    const output =
      tool.contract === 'mcp'
        ? await calls.callMcp(tool, request, ctx)
        : toToolOutput(await calls.callWithArguments(tool, args, ctx))
    if (isInputRequiredResult(output)) return output
    const { isError, structuredContent } = output.result
    if (validators.output && !isError) {
      const inexact = inexactNumbers(output)
      if (inexact) return inexact
      const mismatch = validators.output(structuredContent)
      if (mismatch)
        return failedTool(
          cutText(`The output of the function does not match the output schema: ${mismatch}`),
        )
    }
    return fitToClient(output, takesAnyStructure(server))
  })
}

/** Before 2026-07-28 structured content is an object. */
const takesAnyStructure = (server: Server) =>
  (server.getNegotiatedProtocolVersion() ?? '') >= '2026-07-28'
