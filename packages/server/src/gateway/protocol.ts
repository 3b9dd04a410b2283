import type { Prompt, Resource, Tool } from '@markvp/mcp-lambda-sam-admin-client/contract'
import {
  type Implementation,
  ProtocolError,
  ProtocolErrorCode,
  type RequestMeta,
  ResourceNotFoundError,
  Server,
  type ServerCapabilities,
  UriTemplate,
} from '@modelcontextprotocol/server'

import type { Caller } from '../caller.ts'
import { failedTool, toPromptResult, toReadResult, toToolResult } from '../invoker/arguments.ts'
import type { Invocation, Invoke } from '../invoker/invoker.ts'
import type { Catalogue } from '../registry/catalogue.ts'
import { version } from '../version.ts'
import { mayUse, visible } from './access.ts'
import { page } from './paging.ts'
import { schemaChecks } from './schemas.ts'

export interface ProtocolOptions {
  catalogue: Catalogue
  invoke: Invoke
}

/** Serves what is registered. A server belongs to one caller and one connection, or one request. */
export interface Protocol {
  serverInfo: Implementation
  capabilities: ServerCapabilities
  createServer(caller: Caller, sessionId?: string): Server
  /** Makes a server that exists answer every request from the catalogue. */
  serve(server: Server, caller: Caller, sessionId?: string): void
}

const serverInfo: Implementation = { name: 'mcp-lambda-sam', version }

const capabilities: ServerCapabilities = {
  tools: { listChanged: true },
  resources: { listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
}

export function createProtocol({ catalogue, invoke }: ProtocolOptions): Protocol {
  const checksOf = schemaChecks()

  return {
    serverInfo,
    capabilities,
    createServer(caller, sessionId) {
      const server = new Server(serverInfo, { capabilities })
      serve(server, caller, sessionId)
      return server
    },
    serve,
  }

  function serve(server: Server, caller: Caller, sessionId?: string): void {
    server.setRequestHandler('tools/list', async ({ params }) => {
      const tools = visible(await catalogue.current(), 'tool', caller)
      const { items, nextCursor } = page(tools.map(advertiseTool), params?.cursor)
      return { tools: items, nextCursor }
    })

    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
      const tool = (await catalogue.current()).tool.get(params.name)
      if (!tool || !mayUse(tool, caller)) throw unknown('tool', params.name)
      if (tool.contract === 'mcp') return failedTool(NOT_YET)

      const checks = checksOf(tool)
      const args = params.arguments ?? {}
      const fault = checks.input(args)
      if (fault) return failedTool(`Invalid arguments for the tool "${tool.name}": ${fault}`)

      const result = toToolResult(await invoke(tool, args, invocation(mcpReq._meta), mcpReq.signal))
      if (!checks.output || result.isError) return result
      const mismatch = checks.output(result.structuredContent)
      return mismatch
        ? failedTool(`The function's answer does not match the tool's output schema: ${mismatch}`)
        : result
    })

    server.setRequestHandler('resources/list', async ({ params }) => {
      const resources = visible(await catalogue.current(), 'resource', caller)
      const direct = resources.flatMap(it => (it.uri ? [advertiseResource(it, it.uri)] : []))
      const { items, nextCursor } = page(direct, params?.cursor)
      return { resources: items, nextCursor }
    })

    server.setRequestHandler('resources/templates/list', async ({ params }) => {
      const resources = visible(await catalogue.current(), 'resource', caller)
      const templates = resources.flatMap(it =>
        it.uriTemplate ? [advertiseTemplate(it, it.uriTemplate)] : [],
      )
      const { items, nextCursor } = page(templates, params?.cursor)
      return { resourceTemplates: items, nextCursor }
    })

    server.setRequestHandler('resources/read', async ({ params: { uri } }, { mcpReq }) => {
      const resources = visible(await catalogue.current(), 'resource', caller)
      const found = resolve(resources, uri)
      if (!found) throw new ResourceNotFoundError(uri)
      const { resource, variables } = found
      if (resource.contract === 'mcp')
        throw new ProtocolError(ProtocolErrorCode.InternalError, NOT_YET)
      const event = { ...variables, uri }
      return toReadResult(
        await invoke(resource, event, invocation(mcpReq._meta), mcpReq.signal),
        uri,
        resource,
      )
    })

    server.setRequestHandler('prompts/list', async ({ params }) => {
      const prompts = visible(await catalogue.current(), 'prompt', caller)
      const { items, nextCursor } = page(prompts.map(advertisePrompt), params?.cursor)
      return { prompts: items, nextCursor }
    })

    server.setRequestHandler('prompts/get', async ({ params }, { mcpReq }) => {
      const prompt = (await catalogue.current()).prompt.get(params.name)
      if (!prompt || !mayUse(prompt, caller)) throw unknown('prompt', params.name)
      if (prompt.contract === 'mcp')
        throw new ProtocolError(ProtocolErrorCode.InternalError, NOT_YET)
      const args = params.arguments ?? {}
      const missing =
        prompt.arguments?.filter(it => it.required && args[it.name] === undefined) ?? []
      if (missing.length > 0)
        throw invalid(
          `The prompt "${prompt.name}" needs ${missing.map(it => `"${it.name}"`).join(', ')}`,
        )
      return toPromptResult(
        await invoke(prompt, args, invocation(mcpReq._meta), mcpReq.signal),
        prompt,
      )
    })

    // A function called with plain arguments has no way to suggest values, so there are none; but a
    // reference to nothing is the caller's mistake and says so.
    server.setRequestHandler('completion/complete', async ({ params: { ref } }) => {
      const snapshot = await catalogue.current()
      const known =
        ref.type === 'ref/prompt'
          ? visible(snapshot, 'prompt', caller).some(it => it.name === ref.name)
          : visible(snapshot, 'resource', caller).some(
              it => it.uriTemplate === ref.uri || it.uri === ref.uri,
            )
      if (!known)
        throw ref.type === 'ref/prompt'
          ? unknown('prompt', ref.name)
          : unknown('resource template', ref.uri)
      return { completion: { values: [], total: 0, hasMore: false } }
    })

    function invocation(meta: RequestMeta | undefined): Invocation {
      const { name, version } = server.getClientVersion() ?? {}
      const traceparent = meta?.['traceparent']
      return {
        caller,
        sessionId,
        clientInfo: name && version ? { name, version } : undefined,
        traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      }
    }
  }
}

const NOT_YET =
  'The contract "mcp" is not served yet: register the function with the contract "arguments"'

const invalid = (message: string) => new ProtocolError(ProtocolErrorCode.InvalidParams, message)
const unknown = (what: string, name: string) => invalid(`Unknown ${what}: ${name}`)

/** An exact URI goes before a template that happens to match it. */
function resolve(resources: Resource[], uri: string) {
  const exact = resources.find(it => it.uri === uri)
  if (exact) return { resource: exact, variables: {} }
  for (const resource of resources) {
    const variables = resource.uriTemplate && new UriTemplate(resource.uriTemplate).match(uri)
    if (variables) return { resource, variables: decoded(variables) }
  }
  return undefined
}

/** Template variables as the values they stand for, not as they are spelt in a URI. */
function decoded(variables: Record<string, string | string[]>) {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(decode) : decode(value),
    ]),
  )
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value // not percent-encoded after all
  }
}

// What clients may see. The function behind it and who registered it are the administrator's business.
const advertiseTool = ({
  name,
  title,
  description,
  inputSchema,
  outputSchema,
  annotations,
  icons,
  _meta,
}: Tool) => ({
  name,
  title,
  description,
  inputSchema,
  outputSchema: outputSchema as Tool['inputSchema'] | undefined,
  annotations,
  icons,
  _meta,
})

const advertiseResource = (
  { name, title, description, mimeType, size, annotations, icons, _meta }: Resource,
  uri: string,
) => ({ uri, name, title, description, mimeType, size, annotations, icons, _meta })

const advertiseTemplate = (
  { name, title, description, mimeType, annotations, icons, _meta }: Resource,
  uriTemplate: string,
) => ({ uriTemplate, name, title, description, mimeType, annotations, icons, _meta })

const advertisePrompt = ({ name, title, description, arguments: args, icons, _meta }: Prompt) => ({
  name,
  title,
  description,
  arguments: args,
  icons,
  _meta,
})
