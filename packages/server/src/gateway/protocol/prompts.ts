import type { Server } from '@modelcontextprotocol/server'

import { toPromptResult } from '../../invoker/contracts/arguments.ts'
import { mayUse, visible } from './access.ts'
import { advertisePrompt } from './advertise.ts'
import type { Capability } from './capability.ts'
import { invalidParams, unknownName } from './function-calls.ts'
import { page } from './paging.ts'

/** `prompts/list` and `prompts/get`. */
export function servePrompts(
  server: Server,
  { registry, connection: { caller }, calls }: Capability,
): void {
  server.setRequestHandler('prompts/list', async ({ params }) => {
    const prompts = visible(await registry.snapshot(), 'prompt', caller)
    const { items, nextCursor } = page(prompts.map(advertisePrompt), params?.cursor)
    return { prompts: items, nextCursor }
  })

  server.setRequestHandler('prompts/get', async ({ params }, ctx) => {
    const prompt = await registry.find('prompt', params.name)
    if (!prompt || !mayUse(prompt, caller)) throw unknownName('prompt', params.name)
    const args = params.arguments ?? {}
    const missing =
      prompt.arguments?.filter(it => it.required && !Object.hasOwn(args, it.name)) ?? []
    if (missing.length > 0)
      throw invalidParams(
        `The prompt "${prompt.name}" needs ${missing.map(it => `"${it.name}"`).join(', ')}`,
      )
    if (prompt.contract !== 'mcp')
      return toPromptResult(await calls.callWithArguments(prompt, args, ctx), prompt)
    const request = { method: 'prompts/get' as const, params: { ...params, arguments: args } }
    return calls.callMcp(prompt, request, ctx)
  })
}
