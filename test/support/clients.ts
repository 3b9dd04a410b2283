import { SigV4SseTransport, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import {
  Client as Client2,
  SSEClientTransport as Sse2,
  StreamableHTTPClientTransport as Streamable2,
} from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as Sse1 } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as Streamable1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'

import type { Credentials, Gateway } from './gateway.ts'

export const info = { name: 'test', version: '1.0.0' }

/**
 * Every client there is: those of both SDK majors, and that of 2.x which asks for the newest
 * revision first.
 */
export const SDKS = ['SDK 1.x', 'SDK 2.x', 'SDK 2.x, 2026-07-28'] as const
export type Sdk = (typeof SDKS)[number]

export const OVER = [
  '/sse over our transport',
  '/sse over the official transport with our fetch',
  '/mcp over our transport',
  '/mcp over the official transport with our fetch',
] as const
export type Over = (typeof OVER)[number]

/** Who sits at the client. */
export interface User {
  elicit(message: string): object
}

export interface ConnectOptions {
  credentials?: Credentials | undefined
  /** Where there is none, the client does not say that it can elicit, sample, or list roots. */
  user?: User | undefined
}

interface CallOptions {
  /** The tool: one whose function is `test/functions/contract.mjs`. */
  name?: string
  file?: string
  signal?: AbortSignal
  /** Does not ask for progress. */
  silent?: boolean
  /** The least of the log that is wanted, as revision 2026-07-28 says it. */
  logLevel?: string
}

export interface Connected {
  client: Client2
  /**
   * All that came unasked, in order: progress, log lines, questions, and what the SDK could not
   * place.
   */
  heard: string[]
  /** The revision that was agreed on. */
  revision(): string | undefined
  /** Calls a tool whose function does what `mode` says. */
  call(mode: string, options?: CallOptions): ReturnType<Client2['callTool']>
}

/**
 * A connected client. That of SDK 1.x answers like 2.x's and only types it differently, so it is
 * cast.
 */
export async function connect(
  gateway: Gateway,
  sdk: Sdk,
  over: Over,
  { credentials = gateway.credentials, user }: ConnectOptions = {},
): Promise<Connected> {
  const heard: string[] = []
  const client = make(sdk, user && { capabilities })
  onLog(client, ({ level, data }) => void heard.push(`${level} ${JSON.stringify(data)}`))
  if (user)
    answering(client, message => {
      heard.push(`asked ${message}`)
      return user.elicit(message)
    })
  // Where an SDK puts what it cannot place, for instance progress without a request for it.
  client.onerror = error => void heard.push(`error ${error.message}`)

  const transport = transportOf(gateway, sdk, over, credentials)
  let revision: string | undefined
  const setProtocolVersion = transport.setProtocolVersion.bind(transport)
  transport.setProtocolVersion = version => {
    revision = version
    setProtocolVersion(version)
  }
  await client.connect(transport as Parameters<Client2['connect']>[0])
  // DELETE ends the GET stream of the session, which would hold a process until its idle time-out.
  const close = client.close.bind(client)
  client.close = async () => {
    if ('terminateSession' in transport) await transport.terminateSession()
    await close()
  }
  return {
    client,
    heard,
    call,
    revision: () => client.getNegotiatedProtocolVersion?.() ?? revision,
  }

  function call(mode: string, options: CallOptions = {}) {
    const { name = 'contract', file, signal, silent = false, logLevel } = options
    const onprogress = ({ progress, message = '' }: { progress: number; message?: string }) => {
      // What the SDK reports of its own doings, between two rounds.
      if (message.startsWith('Fulfilling input')) return
      heard.push(`progress ${progress} ${message}`.trim())
    }
    const _meta = logLevel && { 'io.modelcontextprotocol/logLevel': logLevel }
    return callTool(
      client,
      { name, arguments: { mode, ...(file && { file }) }, ...(_meta && { _meta }) },
      { timeout: 60_000, ...(!silent && { onprogress }), ...(signal && { signal }) },
    )
  }
}

/** The options are the third argument in 1.x and the second in 2.x. */
export function callTool(
  client: Client2,
  params: Parameters<Client2['callTool']>[0],
  options: object,
): ReturnType<Client2['callTool']> {
  return Reflect.apply(client.callTool, client, [
    params,
    ...(asClient1(client) ? [undefined, options] : [options]),
  ])
}

/** SDK 1.x takes a schema where 2.x takes the method's name. */
export function onListChanged(client: Client2, listener: () => void) {
  const client1 = asClient1(client)
  if (client1) client1.setNotificationHandler(ToolListChangedNotificationSchema, listener)
  else client.setNotificationHandler('notifications/tools/list_changed', listener)
}

export const textOf = (result: unknown) =>
  (result as { content: { text: string }[] }).content[0]?.text ?? ''

const capabilities = { elicitation: {}, sampling: {}, roots: {} }
const sampled = { model: 'm', role: 'assistant', content: { type: 'text', text: 'moon' } } as const
const roots = { roots: [{ uri: 'file:///home' }] }

function make(sdk: Sdk, options: object = {}): Client2 {
  if (sdk === 'SDK 1.x') return new Client1(info, options) as unknown as Client2
  if (sdk === 'SDK 2.x') return new Client2(info, options)
  return new Client2(info, { ...options, versionNegotiation: { mode: 'auto' } })
}

function transportOf(gateway: Gateway, sdk: Sdk, over: Over, credentials: Credentials) {
  const { mcpUrl, region } = gateway
  const [endpoint = '', ours] = [over.slice(1, 4), over.endsWith('over our transport')]
  if (ours)
    return endpoint === 'sse'
      ? new SigV4SseTransport(mcpUrl, { region, credentials })
      : new SigV4StreamableHttpTransport(mcpUrl, { region, credentials })
  const [url, options] = [new URL(endpoint, mcpUrl), { fetch: gateway.fetch(credentials) }]
  if (sdk === 'SDK 1.x')
    return endpoint === 'sse' ? new Sse1(url, options) : new Streamable1(url, options)
  return endpoint === 'sse' ? new Sse2(url, options) : new Streamable2(url, options)
}

function onLog(client: Client2, listener: (line: { level: string; data: unknown }) => void) {
  const client1 = asClient1(client)
  if (client1)
    client1.setNotificationHandler(LoggingMessageNotificationSchema, it => listener(it.params))
  else client.setNotificationHandler('notifications/message', it => listener(it.params))
}

/**
 * A client whose user answers as told, whose model knows one word, and which works in one folder.
 */
function answering(client: Client2, elicit: (message: string) => object) {
  const answer = ({ params }: { params: { message: string } }) =>
    elicit(params.message) as { action: 'accept' }
  const client1 = asClient1(client)
  if (client1) {
    client1.setRequestHandler(ElicitRequestSchema, answer)
    client1.setRequestHandler(CreateMessageRequestSchema, () => sampled)
    client1.setRequestHandler(ListRootsRequestSchema, () => roots)
  } else {
    client.setRequestHandler('elicitation/create', answer)
    client.setRequestHandler('sampling/createMessage', () => sampled)
    client.setRequestHandler('roots/list', () => roots)
  }
}

/** Under the type that it is cast to, the compiler would not believe it. */
const asClient1 = (client: unknown) => (client instanceof Client1 ? client : undefined)
