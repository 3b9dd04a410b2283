// Clients of /mcp that do nothing but send a signed request and read its answer, so that what is measured is not
// a client's. Each is a function `(method, params) => result`.

const INFO = { name: 'bench', version: '1.0.0' }
const MODERN = '2026-07-28'
const LEGACY = '2025-11-25'

/** 2026-07-28: every request stands alone. */
export function modernClient(gateway) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': INFO,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return async (method, params = {}) => {
    const headers = {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(params.name && { 'mcp-name': params.name }),
    }
    return (await post(gateway, method, { ...params, _meta: meta }, headers)).result
  }
}

/** 2025-11-25 without a session. */
export function statelessClient(gateway) {
  return async (method, params) =>
    (await post(gateway, method, params, { 'mcp-protocol-version': LEGACY })).result
}

/** 2025-11-25 with a session. */
export async function sessionClient(gateway) {
  const id = await initialize(gateway)
  const headers = { 'mcp-protocol-version': LEGACY, 'mcp-session-id': id }
  return async (method, params) => (await post(gateway, method, params, headers)).result
}

/** Resolves with the session's id. */
export async function initialize(gateway) {
  const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo: INFO }
  return (await post(gateway, 'initialize', params, {})).headers.get('mcp-session-id')
}

async function post(gateway, method, params, headers) {
  const response = await gateway.fetch(new URL('mcp', gateway.mcpUrl), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const text = await response.text()
  // Did not run: where there is one environment only, it is ready a moment after its answer has come.
  if (response.status === 429) return post(gateway, method, params, headers)
  const answers = response.headers.get('content-type')?.startsWith('text/event-stream')
    ? [...text.matchAll(/^data: ?(\{.*)$/gm)].map(([, data]) => data)
    : [text]
  const { result } = response.ok ? JSON.parse(answers.at(-1)) : {}
  if (!result) throw new Error(`${method} answered ${response.status}: ${text}`)
  return { result, headers: response.headers }
}
