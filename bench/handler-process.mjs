// The built handler of the mcp function, alone in this process. Makes calls one after the other,
// and prints the processor milliseconds per call of each phase as JSON.
import { startHandlers, urlEvent } from '../test/fuzz/gateway.mjs'

const [dist = '', kind, ...ends] = process.argv.slice(2)
const { mcp } = await startHandlers(dist)
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const COMMON = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}
const call = { name: 'loose', arguments: { text: 'bench' } }

const request =
  kind === 'modern'
    ? event(
        'tools/call',
        { ...call, _meta: META },
        {
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'loose',
        },
      )
    : event('tools/call', call, {
        'mcp-protocol-version': '2025-11-25',
        'mcp-session-id': await openSession(),
      })

const found = []
let done = 0
for (const end of ends.map(Number)) {
  const calls = end - done
  const before = process.cpuUsage()
  for (; done < end; done++) {
    const { body } = await mcp(request)
    if (!body.includes('Hello, bench!')) throw new Error(`Unexpected response: ${body}`)
  }
  const { user, system } = process.cpuUsage(before)
  found.push((user + system) / 1000 / calls)
}
process.stdout.write(JSON.stringify(found))
process.exit()

async function openSession() {
  const { headers } = await mcp(
    event('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'bench', version: '1.0.0' },
    }),
  )
  return headers['mcp-session-id'] ?? ''
}

/**
 * @param {string} method
 * @param {object} params
 * @param {Record<string, string>} [headers]
 */
function event(method, params, headers = {}) {
  return urlEvent({
    method: 'POST',
    path: '/mcp',
    headers: { ...COMMON, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
}
