import { isRecord } from '../../is-record.ts'
import { type JsonRpcMessage, type RequestId, requestIdOf } from '../../jsonrpc.ts'
import { elementTexts, sendAs } from '../../message-text.ts'
import { errorResponse, INVALID_REQUEST, PARSE_ERROR } from '../error-response.ts'
import { type Line, MAX_LINE } from './lines.ts'

/** A message of the host, or the response to what is none. */
export type HostMessage = { message: JsonRpcMessage; text: string } | { refusal: string }

/** The messages in one line; `isBatch` (2025-03-26) where they came as an array. */
export function readLine(line: Line): { messages: HostMessage[]; isBatch: boolean } {
  if ('tooLong' in line) {
    const reason = `A message is longer than ${MAX_LINE >> 20} MiB`
    return single({ refusal: errorResponse(null, INVALID_REQUEST, reason) })
  }
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line.bytes)
    value = JSON.parse(text)
  } catch {
    return single({ refusal: errorResponse(null, PARSE_ERROR, 'Parse error: not JSON in UTF-8') })
  }
  if (!Array.isArray(value)) return single(toMessage(value, text))
  const texts = elementTexts(text)
  if (value.length === 0)
    return single({ refusal: errorResponse(null, INVALID_REQUEST, 'A batch is empty') })
  return { messages: value.map((it, at) => toMessage(it, texts[at] ?? '')), isBatch: true }
}

const single = (message: HostMessage) => ({ messages: [message], isBatch: false })

function toMessage(value: unknown, text: string): HostMessage {
  const id = isRecord(value) && isId(value['id']) ? value['id'] : null
  if (!isMessage(value))
    return { refusal: errorResponse(id, INVALID_REQUEST, 'Not a JSON-RPC 2.0 message') }
  sendAs(value, text)
  return { message: value, text }
}

function isMessage(value: unknown): value is JsonRpcMessage & Record<string, unknown> {
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') return false
  const { id, method, result, error } = value
  if (method !== undefined) return typeof method === 'string' && (id === undefined || isId(id))
  return isId(id) && (result === undefined) !== (error === undefined)
}

const isId = (value: unknown): value is RequestId =>
  typeof value === 'string' || typeof value === 'number'

/** A request gets a response; a response to the server and a notification get none. */
export const isRequest = (message: JsonRpcMessage): message is JsonRpcMessage & { id: RequestId } =>
  requestIdOf(message) !== undefined
