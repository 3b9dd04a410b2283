import { isRecord } from '../../is-record.ts'
import { promptMessage, withoutNulls } from './mcp-result.ts'

/** What a function may ask the client for. */
export const INPUT_METHODS = ['elicitation/create', 'sampling/createMessage', 'roots/list']

/** Checks the shape of a request. The SDK checks whether the client supports it. */
export function isInputRequest(request: unknown): boolean {
  if (!isRecord(request)) return false
  const { method, params } = request
  if (!INPUT_METHODS.some(known => known === method)) return false
  return method === 'roots/list' || isRecord(params)
}

/**
 * The request without null in its optional members, as for results: a client refuses them, and
 * `tools: null` asks for another capability than no tools.
 */
export function withoutNullMembers(request: unknown): unknown {
  const it = withoutNulls(request) as Record<string, unknown>
  if (!isRecord(it['params'])) return it
  const params = withoutNulls(it['params']) as Record<string, unknown>
  const { requestedSchema, messages } = params
  return {
    ...it,
    params: {
      ...params,
      ...(isRecord(requestedSchema) && { requestedSchema: formSchema(requestedSchema) }),
      ...(Array.isArray(messages) && { messages: messages.map(promptMessage) }),
    },
  }
}

/** A form is flat, so its schema has no value null. */
function formSchema(schema: Record<string, unknown>): unknown {
  const it = withoutNulls(schema) as Record<string, unknown>
  const { properties } = it
  if (!isRecord(properties)) return it
  const fields = Object.entries(properties).map(([name, field]) => [name, withoutNulls(field)])
  return { ...it, properties: Object.fromEntries(fields) }
}
