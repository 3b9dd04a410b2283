import { type JsonRpcMessage, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'

import { isRecord } from '../../is-record.ts'
import { version } from '../../version.ts'
import { consoleError } from './errors.ts'

type Json = Record<string, unknown>

export interface McpSession {
  /**
   * Resolves with the result. Rejects with a `ConsoleError` for a JSON-RPC error, and with a
   * `ClientError` where there is no response. `signal` cancels the request. `id` is its progress
   * token.
   */
  request(method: string, params?: Json, options?: RequestOptions): Promise<Json>
  close(): Promise<void>
}

interface RequestOptions {
  id?: string
  signal?: AbortSignal
}

export interface SessionOptions {
  url: string
  region: string
  credentials: { accessKeyId: string; secretAccessKey: string }
  onProgress(params: Json): void
  /** Resolves with the result of `elicitation/create`. */
  elicit(params: Json): Promise<Json>
}

const PROTOCOL_VERSION = '2025-11-25'
const CAPABILITIES = { elicitation: { form: {}, url: {} } }

/**
 * A client of the gateway like any other: signed requests through its URL, in an MCP session, where
 * progress and questions arrive on the stream of the request. It connects with the first request,
 * and again after the gateway has ended the session for good.
 */
export function createMcpSession(options: SessionOptions): McpSession {
  const { url, region, credentials } = options
  let connection: Promise<SigV4StreamableHttpTransport> | undefined
  let count = 0
  const waiting = new Map<string, PromiseWithResolvers>()

  return {
    async request(method, params = {}, { id, signal } = {}) {
      connection ??= connect()
      return send(await connection, method, params, id, signal)
    },
    async close() {
      const open = connection
      connection = undefined
      await (await open?.catch(() => undefined))?.close()
    },
  }

  async function connect() {
    const transport = new SigV4StreamableHttpTransport(url, { region, credentials })
    const forget = () => {
      connection = undefined
    }
    transport.onmessage = message => receive(transport, message)
    transport.onclose = forget
    try {
      await transport.start()
      const clientInfo = { name: 'mcp-lambda-sam-console', version }
      const given = { protocolVersion: PROTOCOL_VERSION, capabilities: CAPABILITIES, clientInfo }
      const { protocolVersion } = await send(transport, 'initialize', given)
      transport.setProtocolVersion(String(protocolVersion))
      await transport.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return transport
    } catch (error) {
      forget()
      void transport.close()
      throw error
    }
  }

  async function send(
    transport: SigV4StreamableHttpTransport,
    method: string,
    params: Json,
    progressToken?: string,
    signal?: AbortSignal,
  ): Promise<Json> {
    signal?.throwIfAborted()
    const id = `console-${++count}`
    const pending = withResolvers()
    waiting.set(id, pending)
    const cancel = () => {
      const given = { requestId: id, reason: 'The person at the console cancelled' }
      transport
        .send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: given })
        .catch(() => {})
      pending.reject(consoleError('cancelled', 'The call was cancelled', 'Call it again.'))
    }
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      const full = progressToken === undefined ? params : { ...params, _meta: { progressToken } }
      transport.send({ jsonrpc: '2.0', id, method, params: full }).catch(pending.reject)
      return await pending.promise
    } finally {
      signal?.removeEventListener('abort', cancel)
      waiting.delete(id)
    }
  }

  function receive(transport: SigV4StreamableHttpTransport, message: JsonRpcMessage) {
    const { id, method, params, result, error } = message
    if (method === undefined) {
      const pending = waiting.get(String(id))
      if (isRecord(error))
        return pending?.reject(consoleError(`json_rpc_${error['code']}`, String(error['message'])))
      return pending?.resolve(isRecord(result) ? result : {})
    }
    const given = isRecord(params) ? params : {}
    if (id === undefined) {
      if (method === 'notifications/progress') options.onProgress(given)
      return
    }
    const respond = (response: Partial<JsonRpcMessage>) =>
      transport.send({ jsonrpc: '2.0', id, ...response }).catch(() => {})
    if (method === 'ping') return void respond({ result: {} })
    if (method === 'elicitation/create')
      return void options.elicit(given).then(answer => respond({ result: answer }))
    void respond({ error: { code: -32601, message: `The console does not know ${method}` } })
  }
}

// Promise.withResolvers is part of Node.js 22.
interface PromiseWithResolvers {
  promise: Promise<Json>
  resolve(value: Json): void
  reject(reason: unknown): void
}

function withResolvers(): PromiseWithResolvers {
  let resolve: PromiseWithResolvers['resolve'] = () => {}
  let reject: PromiseWithResolvers['reject'] = () => {}
  const promise = new Promise<Json>((accept, refuse) => {
    resolve = accept
    reject = refuse
  })
  // The sender may have given up before.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
