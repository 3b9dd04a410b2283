import type { Prompt } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { Server } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import { toPromptResult } from '../../invoker/contracts/arguments.ts'
import { type CachedRegistry, listAgeMs } from '../../registry/cached.ts'
import { mayUse } from './access.ts'
import type { Capability } from './capability.ts'
import { sentArguments } from './exact-arguments.ts'
import { listPrompts } from './lists.ts'
import { page, pageBytes } from './paging.ts'
import { invalidParams, unknownName } from './request-errors.ts'

/** `prompts/list` and `prompts/get`. */
export function servePrompts(
  server: Server,
  { registry, connection: { caller }, calls, admit, records, serverPush }: Capability,
): void {
  server.setRequestHandler('prompts/list', async ({ params }) => {
    const prompts = listPrompts(await registry.list('prompt', listAgeMs({ serverPush })), caller)
    const { items, nextCursor } = page(
      prompts,
      params?.cursor,
      pageBytes(server.getNegotiatedProtocolVersion()),
    )
    return { prompts: items, nextCursor }
  })

  server.setRequestHandler('prompts/get', async ({ params }, ctx) => {
    const prompt = await promptOf(registry, caller, params.name)
    const args = sentArguments(params.arguments ?? {}, ctx)
    records.found(prompt, args, ctx)
    assertTexts(args)
    assertPromptArguments(prompt, args)
    await admit(prompt, ctx)
    if (prompt.contract !== 'mcp')
      return toPromptResult(await calls.callWithArguments(prompt, args, ctx), prompt)
    const request = { method: 'prompts/get' as const, params: { ...params, arguments: args } }
    return calls.callMcp(prompt, request, ctx)
  })
}

/** The prompt of this name. Throws -32602 where the caller has no such prompt. */
export async function promptOf(
  registry: CachedRegistry,
  caller: Caller,
  name: string,
): Promise<Prompt> {
  const prompt = await registry.find('prompt', name)
  if (!prompt || !mayUse(prompt, caller)) throw unknownName('prompt', name)
  return prompt
}

/** The SDK has checked all but one with the name `__proto__`. */
function assertTexts(args: Record<string, unknown>): asserts args is Record<string, string> {
  const name = Object.keys(args).find(it => typeof args[it] !== 'string')
  if (name !== undefined) throw invalidParams(`The argument "${name}" of a prompt is not a string`)
}

/** Throws -32602 where a required argument is missing. */
export function assertPromptArguments(prompt: Prompt, args: Record<string, string>): void {
  const missing = prompt.arguments?.filter(it => it.required && !Object.hasOwn(args, it.name)) ?? []
  if (missing.length > 0)
    throw invalidParams(
      `The prompt "${prompt.name}" needs ${missing.map(it => `"${it.name}"`).join(', ')}`,
    )
}
