import { isRecord } from '../../is-record.ts'
import { isLogLevel } from '../wire/log-levels.ts'
import { STATELESS_PROTOCOL_VERSION } from '../wire/protocol-versions.ts'
import { type ClientInfo, clientInfoIn, isPlainCapabilities } from './ordinary-request.ts'

const PREFIX = 'io.modelcontextprotocol/'
const PROTOCOL_VERSION = `${PREFIX}protocolVersion`
const CLIENT_INFO = `${PREFIX}clientInfo`
const CLIENT_CAPABILITIES = `${PREFIX}clientCapabilities`
const LOG_LEVEL = `${PREFIX}logLevel`
const RELATED_TASK = `${PREFIX}related-task`

/**
 * Who sent a request of protocol version 2026-07-28. Undefined where the headers or `_meta` are not
 * exactly as clients send them: the SDK then decides, and says what is wrong.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
 */
export function statelessClient(
  headers: Readonly<Record<string, string | undefined>>,
  { method, params }: Record<string, unknown>,
): { client: ClientInfo | undefined } | undefined {
  if (headers['mcp-protocol-version'] !== STATELESS_PROTOCOL_VERSION) return undefined
  if (headers['mcp-method'] !== method || !isRecord(params)) return undefined
  const named = params['name'] ?? params['uri']
  if (named !== undefined && headers['mcp-name'] !== named) return undefined
  const meta = params['_meta']
  if (!isRecord(meta) || meta[PROTOCOL_VERSION] !== STATELESS_PROTOCOL_VERSION) return undefined
  if (!isPlainCapabilities(meta[CLIENT_CAPABILITIES]) || RELATED_TASK in meta) return undefined
  const level = meta[LOG_LEVEL]
  if (level !== undefined && !isLogLevel(level)) return undefined
  if (meta[CLIENT_INFO] === undefined) return { client: undefined }
  const client = clientInfoIn(meta[CLIENT_INFO])
  return client && { client }
}
