import type { Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { CallToolResult, InputRequiredResult, Server } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import { cutText } from '../../http/cut-text.ts'
import { failedTool, toToolOutput } from '../../invoker/contracts/arguments.ts'
import {
  fitToClient,
  inexactNumbers,
  type ToolOutput,
} from '../../invoker/contracts/structured-content.ts'
import { type CachedRegistry, listAgeMs } from '../../registry/cached.ts'
import { mayUse } from './access.ts'
import type { Capability } from './capability.ts'
import { sentArguments } from './exact-arguments.ts'
import { listTools } from './lists.ts'
import { page, pageBytes } from './paging.ts'
import { unknownName } from './request-errors.ts'
import type { createCachedValidators } from './validators.ts'

export interface ToolCallOptions {
  validatorsOf: ReturnType<typeof createCachedValidators>
  /** Before protocol version 2026-07-28 structured content is an object. */
  takesAnyStructure: boolean
  /** Calls the function, when the arguments are valid. */
  call: () => Promise<ToolOutput | InputRequiredResult>
}

/** `tools/list` and `tools/call`. */
export function serveTools(
  server: Server,
  { registry, connection: { caller }, calls, admit, records, serverPush }: Capability,
  validatorsOf: ReturnType<typeof createCachedValidators>,
): void {
  server.setRequestHandler('tools/list', async ({ params }) => {
    const tools = listTools(await registry.list('tool', listAgeMs({ serverPush })), caller)
    const { items, nextCursor } = page(
      tools,
      params?.cursor,
      pageBytes(server.getNegotiatedProtocolVersion()),
    )
    return { tools: items, nextCursor }
  })

  server.setRequestHandler('tools/call', async ({ params }, ctx) => {
    const tool = await toolOf(registry, caller, params.name)
    const args = sentArguments(params.arguments ?? {}, ctx)
    records.found(tool, args, ctx)
    await admit(tool, ctx)
    const takesAnyStructure = (server.getNegotiatedProtocolVersion() ?? '') >= '2026-07-28'
    return callTool(tool, args, { validatorsOf, takesAnyStructure, call })

    async function call() {
      if (tool.contract !== 'mcp')
        return toToolOutput(await calls.callWithArguments(tool, args, ctx))
      const request = { method: 'tools/call' as const, params: { ...params, arguments: args } }
      return calls.callMcp(tool, request, ctx)
    }
  })
}

/** The tool of this name. Throws -32602 where the caller has no such tool. */
export async function toolOf(
  registry: CachedRegistry,
  caller: Caller,
  name: string,
): Promise<Tool> {
  const tool = await registry.find('tool', name)
  if (!tool || !mayUse(tool, caller)) throw unknownName('tool', name)
  return tool
}

/** Checks the arguments and the output of a call by the schemas of the tool. */
export async function callTool(
  tool: Tool,
  args: Record<string, unknown>,
  { validatorsOf, takesAnyStructure, call }: ToolCallOptions,
): Promise<CallToolResult | InputRequiredResult> {
  const validators = validatorsOf(tool)
  const fault = validators.input(args)
  if (fault) return failedTool(cutText(`Invalid arguments for the tool "${tool.name}": ${fault}`))

  const output = await call()
  if (!isToolOutput(output)) return output
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
  return fitToClient(output, takesAnyStructure)
}

const isToolOutput = (output: ToolOutput | InputRequiredResult): output is ToolOutput =>
  'structuredText' in output
