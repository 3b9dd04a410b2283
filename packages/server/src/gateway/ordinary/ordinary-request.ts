import type { RequestId } from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'
import { isRequestId } from '../wire/jsonrpc.ts'
import type { ListMethod } from './list-pages.ts'

/**
 * A request of the kind that clients send nearly always: the parameters are the common ones, and
 * valid. Such a request is answered without the SDK.
 */
export type OrdinaryRequest = { id: RequestId } & (
  | { method: 'ping' | 'server/discover' }
  | { method: ListMethod; cursor: string | undefined }
  | { method: 'tools/call'; name: string; args: Record<string, unknown>; meta: Meta }
  | { method: 'prompts/get'; name: string; args: Record<string, string>; meta: Meta }
  | { method: 'resources/read'; uri: string; meta: Meta }
  | { method: 'initialize'; protocolVersion: string; client: ClientInfo }
)

export type Meta = Record<string, unknown>

export interface ClientInfo {
  name: string
  version: string
}

/** Members of `_meta` with this prefix have a meaning in protocol version 2026-07-28. */
const RESERVED = 'io.modelcontextprotocol/'

/**
 * The ordinary request that a message is; undefined where the SDK has to decide. It is never wrong
 * to return undefined.
 *
 * @param message a message that `messageProblem` finds nothing wrong with
 * @param isStateless whether it is of protocol version 2026-07-28; then `envelope.ts` has checked
 *   the reserved members of `_meta`
 */
export function ordinaryRequest(
  message: Record<string, unknown>,
  isStateless: boolean,
): OrdinaryRequest | undefined {
  const { id, method, params = {} } = message
  if (!isRequestId(id) || !isRecord(params)) return undefined
  const { _meta: meta = {}, ...rest } = params
  if (!isRecord(meta)) return undefined
  if (!isStateless && Object.keys(meta).some(it => it.startsWith(RESERVED))) return undefined
  switch (method) {
    case 'ping':
      return !isStateless && hasOnly(rest, []) ? { id, method } : undefined
    case 'server/discover':
      return isStateless && hasOnly(rest, []) ? { id, method } : undefined
    case 'tools/list':
    case 'prompts/list':
    case 'resources/list':
    case 'resources/templates/list': {
      const { cursor } = rest
      const isCursor = cursor === undefined || typeof cursor === 'string'
      return isCursor && hasOnly(rest, ['cursor']) ? { id, method, cursor } : undefined
    }
    case 'tools/call': {
      const { name, arguments: args = {} } = rest
      const isValid = typeof name === 'string' && isRecord(args) && !hasProto(args)
      return isValid && hasOnly(rest, ['name', 'arguments'])
        ? { id, method, name, args, meta }
        : undefined
    }
    case 'prompts/get': {
      const { name, arguments: args = {} } = rest
      const isValid = typeof name === 'string' && isTexts(args) && !hasProto(args)
      return isValid && hasOnly(rest, ['name', 'arguments'])
        ? { id, method, name, args, meta }
        : undefined
    }
    case 'resources/read': {
      const { uri } = rest
      return typeof uri === 'string' && hasOnly(rest, ['uri'])
        ? { id, method, uri, meta }
        : undefined
    }
    case 'initialize': {
      const { protocolVersion, capabilities, clientInfo } = rest
      const isValid =
        !isStateless && typeof protocolVersion === 'string' && isPlainCapabilities(capabilities)
      const client = clientInfoIn(clientInfo)
      return isValid &&
        client &&
        hasOnly(rest, ['protocolVersion', 'capabilities', 'clientInfo']) &&
        !('_meta' in params)
        ? { id, method, protocolVersion, client }
        : undefined
    }
    default:
      return undefined
  }
}

/** Name and version of a client. Undefined where the SDK has to check the value. */
export function clientInfoIn(value: unknown): ClientInfo | undefined {
  if (!isRecord(value) || !isTexts(value)) return undefined
  const { name, version } = value
  if (name === undefined || version === undefined) return undefined
  return hasOnly(value, ['name', 'version', 'title', 'description']) ? { name, version } : undefined
}

/** Whether these are capabilities of a client as the specification has them, and no others. */
export function isPlainCapabilities(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false
  return Object.entries(value).every(([name, it]) => {
    if (!isRecord(it)) return false
    if (name === 'experimental' || name === 'extensions') return Object.values(it).every(isRecord)
    if (name === 'sampling') return hasOnly(it, ['context', 'tools']) && areEmpty(it)
    if (name === 'elicitation') return hasOnly(it, ['form', 'url']) && areEmpty(it)
    if (name !== 'roots') return false
    const { listChanged } = it
    const isFlag = listChanged === undefined || typeof listChanged === 'boolean'
    return isFlag && hasOnly(it, ['listChanged'])
  })
}

const areEmpty = (members: Record<string, unknown>) =>
  Object.values(members).every(it => isRecord(it) && Object.keys(it).length === 0)

const hasOnly = (value: Record<string, unknown>, names: string[]) =>
  Object.keys(value).every(it => names.includes(it))

/** The SDK leaves out an argument of this name, see protocol/exact-arguments.ts. */
const hasProto = (args: Record<string, unknown>) => Object.hasOwn(args, '__proto__')

function isTexts(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every(it => typeof it === 'string')
}
