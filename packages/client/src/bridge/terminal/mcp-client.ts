import { ClientError } from '../../errors.ts'
import { isRecord } from '../../is-record.ts'
import { type JsonRpcMessage, messageOf, type RequestId } from '../../jsonrpc.ts'
import { type Connection, createConnection, type TransportChoice } from '../connection.ts'
import { INTERNAL_ERROR } from '../error-response.ts'
import { type GatewaySettings, transportOptions } from '../gateway-options.ts'
import type { Log } from '../log.ts'
import { createParamHeaders } from '../param-headers.ts'
import { pagesOf } from './pages.ts'

/** A JSON-RPC error of the server. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

export type Result = Record<string, unknown>

/** What the person at the terminal sees and answers. */
export interface Person {
  onProgress(params: Result): void
  onLogMessage(params: Result): void
  /** The result of `elicitation/create`. */
  elicit(params: Result): Promise<Result>
}

/** The small client of the terminal commands: protocol versions 2026-07-28 and 2025-11-25. */
export interface McpClient {
  readonly capabilities: Result
  /** Rejects with a `ServerError` or a `ClientError`. Answers what the server asks meanwhile. */
  request(method: string, params?: Result): Promise<Result>
  close(): Promise<void>
}

interface ClientSettings extends GatewaySettings {
  transport: TransportChoice
  timeoutMs: number | undefined
  log: Log
}

const STATELESS = '2026-07-28'
const WITH_SESSIONS = '2025-11-25'
const CAPABILITIES = { elicitation: { form: {}, url: {} } }
/** How often a tool may ask before it gets its result. */
const MAX_ROUNDS = 20
/** The server wants a header of a tool that was not listed yet. The call did not run. */
const HEADER_MISMATCH = -32020

export async function connectClient(
  settings: ClientSettings,
  person: Person,
  clientInfo: { name: string; version: string },
): Promise<McpClient> {
  const { url, transport, timeoutMs, log } = settings
  const waiting = new Map<RequestId | undefined, (response: JsonRpcMessage) => void>()
  const params = createParamHeaders()
  const connection: Connection = createConnection({
    url,
    choice: transport,
    options: transportOptions(settings),
    onMessage: receive,
    log,
  })
  let count = 0
  let meta: Result = {}
  let capabilities: Result = {}

  try {
    await begin()
  } catch (error) {
    void connection.close()
    throw error
  }
  return {
    get capabilities() {
      return capabilities
    },
    request: converse,
    close: () => connection.close(),
  }

  /** `server/discover` where the server knows it, else a session. */
  async function begin() {
    const common = {
      'io.modelcontextprotocol/clientInfo': clientInfo,
      'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
    }
    meta = { 'io.modelcontextprotocol/protocolVersion': STATELESS, ...common }
    const discovered = transport === 'sse' ? undefined : await discover()
    if (discovered) {
      capabilities = recordIn(discovered, 'capabilities')
      return
    }
    meta = {}
    const initialized = await request('initialize', {
      protocolVersion: WITH_SESSIONS,
      capabilities: CAPABILITIES,
      clientInfo,
    })
    capabilities = recordIn(initialized, 'capabilities')
    await connection.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  }

  /** Undefined where the server is older. */
  async function discover(): Promise<Result | undefined> {
    try {
      const result = await request('server/discover', {})
      const { supportedVersions } = result
      const isSupported = Array.isArray(supportedVersions) && supportedVersions.includes(STATELESS)
      return isSupported ? result : undefined
    } catch (error) {
      const isOlder =
        error instanceof ServerError ||
        (error instanceof ClientError && error.code === 'request_refused')
      if (!isOlder) throw error
      return undefined
    }
  }

  /** A request with all that the server asks before its result (`input_required`). */
  async function converse(method: string, given: Result = {}): Promise<Result> {
    let rounds: Result = {}
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const result = await withHeaders(method, { ...given, ...rounds })
      if (result['resultType'] !== 'input_required') return result
      const responses: [key: string, response: Result][] = []
      for (const [key, asked] of Object.entries(recordIn(result, 'inputRequests')))
        responses.push([key, await respondTo(isRecord(asked) ? asked : {})])
      const inputResponses = Object.fromEntries(responses)
      const { requestState } = result
      rounds = { inputResponses, ...(requestState !== undefined && { requestState }) }
    }
    const message = `The server asked more than ${MAX_ROUNDS} times`
    throw new ServerError(INTERNAL_ERROR, message, undefined)
  }

  async function withHeaders(method: string, given: Result): Promise<Result> {
    try {
      return await request(method, given)
    } catch (error) {
      const isMissing = error instanceof ServerError && error.code === HEADER_MISMATCH
      if (!isMissing || method !== 'tools/call') throw error
      for await (const page of pagesOf(request, 'tools/list')) params.learn(page)
      return request(method, given)
    }
  }

  async function request(method: string, given: Result): Promise<Result> {
    const id = `t-${++count}`
    const message: JsonRpcMessage = {
      jsonrpc: '2.0',
      id,
      method,
      params: { ...given, _meta: { ...meta, progressToken: id } },
    }
    let timer: NodeJS.Timeout | undefined
    try {
      const response = await new Promise<JsonRpcMessage>((resolve, reject) => {
        waiting.set(id, resolve)
        const late = `${method} got no response within ${timeoutMs} ms`
        if (timeoutMs) timer = setTimeout(() => reject(new ClientError('timeout', late)), timeoutMs)
        const headers = method === 'tools/call' ? params.headersOf(message) : {}
        connection.send(message, { headers }).catch(reject)
      })
      const { result, error } = response
      if (isRecord(error)) {
        const { code, data } = error
        throw new ServerError(
          typeof code === 'number' ? code : INTERNAL_ERROR,
          messageOf(error),
          data,
        )
      }
      return isRecord(result) ? result : {}
    } finally {
      clearTimeout(timer)
      waiting.delete(id)
    }
  }

  function receive(message: JsonRpcMessage) {
    const { id, method, params: given } = message
    const details = isRecord(given) ? given : {}
    if (method === undefined) return waiting.get(id)?.(message)
    if (id !== undefined) return void answer(message, details)
    if (method === 'notifications/progress') person.onProgress(details)
    if (method === 'notifications/message') person.onLogMessage(details)
  }

  /** A request of the server in a session. */
  async function answer({ id, method }: JsonRpcMessage, given: Result) {
    const response: JsonRpcMessage = { jsonrpc: '2.0', id }
    try {
      response.result = method === 'ping' ? {} : await respondTo({ method, params: given })
    } catch (error) {
      response.error = { code: -32601, message: (error as Error).message }
    }
    await connection.send(response).catch(({ message }) => log.warn(message))
  }

  async function respondTo(asked: Result): Promise<Result> {
    if (asked['method'] === 'elicitation/create') return person.elicit(recordIn(asked, 'params'))
    const method = JSON.stringify(asked['method'])
    throw new ServerError(-32601, `A terminal cannot answer ${method}`, undefined)
  }
}

export function recordIn(record: Result, name: string): Result {
  const value = record[name]
  return isRecord(value) ? value : {}
}
