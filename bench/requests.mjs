// Minimal clients of /mcp: they send a signed request and read its response, and nothing else, so
// that no client's own work is measured.

/**
 * Sends a request and resolves with its result.
 *
 * @typedef {(method: string, params?: Record<string, unknown>) => Promise<Record<string, unknown>>} Send
 * @typedef {import('./gateway.mjs').Gateway} Gateway
 */

const INFO = { name: 'bench', version: '1.0.0' }
const MODERN = '2026-07-28'
const LEGACY = '2025-11-25'
/** Requests that overlap in a session need different ids. */
let lastId = 0

/**
 * A client of 2026-07-28: every request stands alone.
 *
 * @param {Gateway} gateway
 * @param {AbortSignal} [signal] ends its requests
 * @returns {Send}
 */
export function modernClient(gateway, signal) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': INFO,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return async (method, params = {}) => {
    const headers = {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(typeof params['name'] === 'string' && { 'mcp-name': params['name'] }),
    }
    return (await post(gateway, method, { ...params, _meta: meta }, headers, signal)).result
  }
}

/**
 * A client of 2025-11-25 without a session.
 *
 * @param {Gateway} gateway
 * @returns {Send}
 */
export function statelessClient(gateway) {
  return async (method, params) =>
    (await post(gateway, method, params, { 'mcp-protocol-version': LEGACY })).result
}

/**
 * A client of 2025-11-25 with a session.
 *
 * @param {Gateway} gateway
 * @returns {Promise<Send>}
 */
export async function sessionClient(gateway) {
  const id = await initialize(gateway)
  const headers = { 'mcp-protocol-version': LEGACY, 'mcp-session-id': id }
  return async (method, params) => (await post(gateway, method, params, headers)).result
}

/**
 * Opens a session and resolves with its id.
 *
 * @param {Gateway} gateway
 */
export async function initialize(gateway) {
  const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo: INFO }
  const id = (await post(gateway, 'initialize', params, {})).headers.get('mcp-session-id')
  if (!id) throw new Error('initialize opened no session')
  return id
}

/**
 * @param {Gateway} gateway
 * @param {string} method
 * @param {Record<string, unknown> | undefined} params
 * @param {Record<string, string>} headers
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ result: Record<string, unknown>, headers: Headers }>}
 */
async function post(gateway, method, params, headers, signal) {
  const response = await gateway.fetch(new URL('mcp', gateway.mcpUrl), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method, params }),
    ...(signal && { signal }),
  })
  const text = await response.text()
  // The request did not run. A single environment is free only a moment after its last response.
  if (response.status === 429) return post(gateway, method, params, headers, signal)
  const messages = response.headers.get('content-type')?.startsWith('text/event-stream')
    ? [...text.matchAll(/^data: ?(\{.*)$/gm)].map(([, data]) => data)
    : [text]
  const { result } = response.ok ? JSON.parse(messages.at(-1) ?? '{}') : {}
  if (!result) throw new Error(`${method} failed with ${response.status}: ${text}`)
  return { result, headers: response.headers }
}
