import type { JSONRPCMessage } from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'
import { INVALID_PARAMS } from '../../jsonrpc-error.ts'

/**
 * A client's message as the SDK can take it. In the response to an elicitation, fields with null
 * are left out: FastMCP sends them for optional fields, and MCP has no null there. A field of any
 * other type makes it an error of one sentence, where the SDK would report its whole schema.
 * https://modelcontextprotocol.io/specification/2025-11-25/schema#elicitresult
 */
export function withFittingForm(message: JSONRPCMessage): JSONRPCMessage {
  if (!('result' in message) || !isForm(message.result)) return message
  const result = withoutNullFields(message.result)
  const wrong = Object.entries(result.content).find(([, value]) => !isFieldValue(value))
  if (!wrong) return { ...message, result }
  const name = JSON.stringify(wrong[0].slice(0, 100))
  const text = `The response to elicitation/create has a field ${name} that is no string, number, boolean or list of strings`
  const { jsonrpc, id } = message
  return { jsonrpc, id, error: { code: INVALID_PARAMS, message: text } }
}

/** The same for the responses that a request of 2026-07-28 brings. */
export const withoutNulls = (responses: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(responses).map(([key, it]) => [key, isForm(it) ? withoutNullFields(it) : it]),
  )

type Form = Record<string, unknown> & { content: Record<string, unknown> }

const isForm = (result: unknown): result is Form =>
  isRecord(result) && result['action'] === 'accept' && isRecord(result['content'])

function withoutNullFields(form: Form): Form {
  const fields = Object.entries(form.content).filter(([, value]) => value !== null)
  return { ...form, content: Object.fromEntries(fields) }
}

const isFieldValue = (value: unknown): boolean =>
  ['string', 'number', 'boolean'].includes(typeof value) ||
  (Array.isArray(value) && value.every(it => typeof it === 'string'))
