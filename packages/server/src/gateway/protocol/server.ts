import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import {
  type Implementation,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  Server,
  type ServerCapabilities,
  type ServerContext,
} from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import {
  failedTool,
  toPromptResult,
  toReadResult,
  toToolResult,
} from '../../invoker/contracts/arguments.ts'
import type { McpEvent, Results } from '../../invoker/contracts/mcp.ts'
import {
  callContext,
  type Invocation,
  type Invoke,
  type InvokeStream,
} from '../../invoker/invoker.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { version } from '../../version.ts'
import { mayUse, visible } from './access.ts'
import {
  advertisePrompt,
  advertiseResource,
  advertiseTemplate,
  advertiseTool,
} from './advertise.ts'
import { converse } from './mcp-function.ts'
import { page } from './paging.ts'
import { leftState, type StateSeal } from './request-state.ts'
import type { Subscriptions } from './subscriptions.ts'
import { resolve, type Variables } from './uris.ts'
import { schemaChecks } from './validators.ts'

export interface ProtocolOptions {
  registry: CachedRegistry
  invoke: Invoke
  invokeStream: InvokeStream
}

/** Serves what is registered. */
export interface Protocol {
  serverInfo: Implementation
  capabilities: ServerCapabilities
  /** Makes `server` answer the requests of a conversation. */
  serve(server: Server, conversation: Conversation): void
  /** A server for one connection. A user has `patienceMs` to answer what a function asks. */
  createServer(conversation: Conversation, patienceMs?: number): Server
}

/** Who asks, and what there is for it. */
export interface Conversation {
  caller: Caller
  sessionId?: string
  /** Absent where nobody can be told of updates. */
  subscriptions?: Subscriptions
  /**
   * With it, what a function leaves with its client between two rounds goes out sealed, and has been opened by the
   * server's own `requestState.verify` when it comes back.
   */
  seal?: StateSeal
  /** When the environment's time is up: a function that still runs then is answered for. */
  deadline?: AbortSignal
  /** Resolves when the client has taken what was sent so far, where the server's `notify` does not wait for that. */
  taken?: () => Promise<void>
}

const serverInfo: Implementation = { name: 'mcp-lambda-sam', version }

const capabilities: ServerCapabilities = {
  tools: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
}

/** The longest a user may take to answer what a function asks; an environment may have less time. */
const PATIENCE_MS = 600_000

export function createProtocol({ registry, invoke, invokeStream }: ProtocolOptions): Protocol {
  const checksOf = schemaChecks()

  return { serverInfo, capabilities, serve, createServer }

  function createServer(conversation: Conversation, patienceMs = PATIENCE_MS) {
    const roundTimeoutMs = Math.max(1, Math.min(PATIENCE_MS, patienceMs))
    const server = new Server(serverInfo, { capabilities, inputRequired: { roundTimeoutMs } })
    serve(server, conversation)
    return server
  }

  function serve(server: Server, conversation: Conversation) {
    const { caller, sessionId, subscriptions, seal, deadline, taken } = conversation

    server.setRequestHandler('tools/list', async ({ params }) => {
      const tools = visible(await registry.snapshot(), 'tool', caller)
      const { items, nextCursor } = page(tools.map(advertiseTool), params?.cursor)
      return { tools: items, nextCursor }
    })

    server.setRequestHandler('tools/call', async ({ params }, ctx) => {
      const tool = await registry.find('tool', params.name)
      if (!tool || !mayUse(tool, caller)) throw unknown('tool', params.name)
      const checks = checksOf(tool)
      const args = params.arguments ?? {}
      const fault = checks.input(args)
      if (fault) return failedTool(`Invalid arguments for the tool "${tool.name}": ${fault}`)

      const result =
        tool.contract === 'mcp'
          ? await ask(tool, 'tools/call', { ...params, arguments: args }, ctx)
          : toToolResult(await call(tool, args, ctx))
      if (isInputRequiredResult(result)) return result
      if (!checks.output || result.isError) return result
      const mismatch = checks.output(result.structuredContent)
      return mismatch
        ? failedTool(`The function's answer does not match the tool's output schema: ${mismatch}`)
        : result
    })

    server.setRequestHandler('resources/list', async ({ params }) => {
      const resources = visible(await registry.snapshot(), 'resource', caller)
      const direct = resources.flatMap(it => (it.uri ? [advertiseResource(it, it.uri)] : []))
      const { items, nextCursor } = page(direct, params?.cursor)
      return { resources: items, nextCursor }
    })

    server.setRequestHandler('resources/templates/list', async ({ params }) => {
      const resources = visible(await registry.snapshot(), 'resource', caller)
      const templates = resources.flatMap(it =>
        it.uriTemplate ? [advertiseTemplate(it, it.uriTemplate)] : [],
      )
      const { items, nextCursor } = page(templates, params?.cursor)
      return { resourceTemplates: items, nextCursor }
    })

    server.setRequestHandler('resources/read', async ({ params }, ctx) => {
      const { uri } = params
      const resources = visible(await registry.snapshot(), 'resource', caller)
      const found = resolve(resources, uri)
      if (!found) throw new ResourceNotFoundError(uri)
      const { resource, variables } = found
      if (resource.contract === 'mcp')
        return ask(resource, 'resources/read', params, ctx, variables)
      const event = { ...variables, uri }
      return toReadResult(await call(resource, event, ctx), uri, resource)
    })

    if (subscriptions) {
      server.setRequestHandler('resources/subscribe', async ({ params: { uri } }) => {
        if (!resolve(visible(await registry.snapshot(), 'resource', caller), uri))
          throw new ResourceNotFoundError(uri)
        // Read now, so that what was announced before is no news.
        const announced = await registry.updateTokens([uri], 0)
        await subscriptions.add(uri, announced.get(uri) ?? '')
        return {}
      })

      server.setRequestHandler('resources/unsubscribe', async ({ params: { uri } }) => {
        await subscriptions.remove(uri)
        return {}
      })
    }

    server.setRequestHandler('prompts/list', async ({ params }) => {
      const prompts = visible(await registry.snapshot(), 'prompt', caller)
      const { items, nextCursor } = page(prompts.map(advertisePrompt), params?.cursor)
      return { prompts: items, nextCursor }
    })

    server.setRequestHandler('prompts/get', async ({ params }, ctx) => {
      const prompt = await registry.find('prompt', params.name)
      if (!prompt || !mayUse(prompt, caller)) throw unknown('prompt', params.name)
      const args = params.arguments ?? {}
      const missing =
        prompt.arguments?.filter(it => it.required && args[it.name] === undefined) ?? []
      if (missing.length > 0)
        throw invalid(
          `The prompt "${prompt.name}" needs ${missing.map(it => `"${it.name}"`).join(', ')}`,
        )
      if (prompt.contract === 'mcp')
        return ask(prompt, 'prompts/get', { ...params, arguments: args }, ctx)
      return toPromptResult(await call(prompt, args, ctx), prompt)
    })

    server.setRequestHandler('completion/complete', async ({ params }, ctx) => {
      const { ref } = params
      const snapshot = await registry.snapshot()
      const found =
        ref.type === 'ref/prompt'
          ? visible(snapshot, 'prompt', caller).find(it => it.name === ref.name)
          : visible(snapshot, 'resource', caller).find(
              it => it.uriTemplate === ref.uri || it.uri === ref.uri,
            )
      // A reference to nothing is the caller's mistake, also where there is nobody to suggest values.
      if (!found)
        throw ref.type === 'ref/prompt'
          ? unknown('prompt', ref.name)
          : unknown('resource template', ref.uri)
      // A function called with plain arguments has no way to.
      if (found.contract !== 'mcp') return NO_VALUES
      return ask(found, 'completion/complete', params, ctx).catch(error => {
        // Each function decides for itself whether it completes; the gateway declares it for all of them.
        if (Object(error).code === ProtocolErrorCode.MethodNotFound) return NO_VALUES
        throw error
      })
    })

    function ask<Method extends keyof Results>(
      registration: Registration,
      method: Method,
      params: Record<string, unknown>,
      ctx: ServerContext,
      variables?: Variables,
    ) {
      const clientCapabilities = server.getClientCapabilities()
      const context = {
        ...callContext(registration, invocation(ctx)),
        clientCapabilities,
        variables,
      }
      const left = leftState(registration, seal)
      return inTime(ctx, signal => {
        const send = (event: McpEvent) => invokeStream(registration, event, signal)
        return converse(send, { method, params, context }, ctx, left, taken)
      })
    }

    function call(registration: Registration, event: unknown, ctx: ServerContext) {
      return inTime(ctx, signal => invoke(registration, event, invocation(ctx), signal))
    }

    async function inTime<T>(
      { mcpReq }: ServerContext,
      run: (signal: AbortSignal) => Promise<T>,
    ): Promise<T> {
      if (!deadline) return run(mcpReq.signal)
      try {
        return await run(AbortSignal.any([mcpReq.signal, deadline]))
      } catch (error) {
        if (!deadline.aborted) throw error
        const message =
          'The time of the environment was up while the request ran; whether it took effect is unknown'
        throw new ProtocolError(-32_000, message, { reason: 'outcome-unknown', retrySafe: false })
      }
    }

    function invocation({ mcpReq: { _meta } }: ServerContext): Invocation {
      const { name, version } = server.getClientVersion() ?? {}
      const traceparent = _meta?.['traceparent']
      return {
        caller,
        sessionId,
        clientInfo: name && version ? { name, version } : undefined,
        traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      }
    }
  }
}

const NO_VALUES = { completion: { values: [], total: 0, hasMore: false } }

/** A caller's mistake, as JSON-RPC has it. */
export const invalid = (message: string) =>
  new ProtocolError(ProtocolErrorCode.InvalidParams, message)
const unknown = (what: string, name: string) => invalid(`Unknown ${what}: ${name}`)
