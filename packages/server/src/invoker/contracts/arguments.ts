import type { Prompt, Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import {
  type CallToolResult,
  type ContentBlock,
  type GetPromptResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  specTypeSchemas,
} from '@modelcontextprotocol/server'

import type { Outcome } from '../invoker.ts'

/**
 * The contract `arguments`: a function gets plain arguments and may answer as functions do. These turn
 * its answer into the MCP result of each type; the forms are listed in docs/function-authors.md.
 */
export function toToolResult(outcome: Outcome): CallToolResult {
  const answer = read(outcome)
  if ('failure' in answer) return failedTool(answer.failure)
  const { value, media } = answer
  if (isRecord(value) && Array.isArray(value['content'])) {
    const result = specTypeSchemas.CallToolResult['~standard'].validate(value)
    return result.issues
      ? failedTool(`The function answered a malformed MCP result: ${places(result.issues)}`)
      : result.value
  }
  if (media) return { content: [mediaBlock(media)] }
  if (value === undefined || value === null) return { content: [] }
  return {
    content: [{ type: 'text', text: asText(value) }],
    ...(isRecord(value) ? { structuredContent: value } : {}),
  }
}

export function toReadResult(
  outcome: Outcome,
  uri: string,
  { mimeType }: Resource,
): ReadResourceResult {
  const answer = read(outcome)
  if ('failure' in answer) {
    if (answer.status === 404) throw new ResourceNotFoundError(uri)
    throw new ProtocolError(ProtocolErrorCode.InternalError, answer.failure, { uri })
  }
  const { value, media } = answer
  if (isRecord(value) && Array.isArray(value['contents'])) {
    const result = specTypeSchemas.ReadResourceResult['~standard'].validate(value)
    if (!result.issues) return result.value
    throw malformed(result.issues)
  }
  if (media)
    return { contents: [{ uri, mimeType: media.mimeType ?? mimeType, blob: media.base64 }] }
  if (value === undefined || value === null) return { contents: [] }
  const type = mimeType ?? (typeof value === 'string' ? 'text/plain' : 'application/json')
  return { contents: [{ uri, mimeType: type, text: asText(value) }] }
}

export function toPromptResult(outcome: Outcome, { description }: Prompt): GetPromptResult {
  const answer = read(outcome)
  if ('failure' in answer) throw new ProtocolError(ProtocolErrorCode.InternalError, answer.failure)
  const { value } = answer
  if (isRecord(value) && Array.isArray(value['messages'])) {
    const result = specTypeSchemas.GetPromptResult['~standard'].validate(value)
    if (!result.issues) return result.value
    throw malformed(result.issues)
  }
  const text = value === undefined || value === null ? '' : asText(value)
  const messages = text ? [{ role: 'user' as const, content: { type: 'text' as const, text } }] : []
  return { ...(description === undefined ? {} : { description }), messages }
}

export const failedTool = (message: string): CallToolResult => ({
  isError: true,
  content: [{ type: 'text', text: message }],
})

interface Media {
  base64: string
  mimeType: string | undefined
}

type Answer = { value: unknown; media?: Media } | { failure: string; status?: number }

/** The value a function answered, out of the `{statusCode, body}` it may be wrapped in. */
function read(outcome: Outcome): Answer {
  if ('failure' in outcome) return outcome
  let value: unknown
  try {
    value = outcome.payload === '' ? undefined : JSON.parse(outcome.payload)
  } catch {
    return { failure: 'The function answered something that is not JSON' }
  }
  return isHttpAnswer(value) ? unwrap(value) : { value }
}

interface HttpAnswer {
  statusCode: number
  body?: unknown
  headers?: Record<string, unknown>
  isBase64Encoded?: boolean
}

/** What functions behind an API Gateway, a load balancer or a Function URL answer. */
function isHttpAnswer(value: unknown): value is HttpAnswer {
  return (
    isRecord(value) &&
    Number.isInteger(value['statusCode']) &&
    ('body' in value || 'headers' in value || Object.keys(value).length === 1)
  )
}

function unwrap({ statusCode, body, headers = {}, isBase64Encoded }: HttpAnswer): Answer {
  const mimeType = Object.entries(Object(headers)).find(
    ([name]) => name.toLowerCase() === 'content-type',
  )?.[1]
  const type = typeof mimeType === 'string' ? mimeType : undefined
  if (isBase64Encoded && typeof body === 'string') {
    if (statusCode < 400 && type && !isTextual(type))
      return { value: undefined, media: { base64: body, mimeType: type } }
    body = Buffer.from(body, 'base64').toString()
  }
  const value = typeof body === 'string' ? parsed(body) : body
  if (statusCode < 400) return { value }
  const detail = value === undefined || value === null || value === '' ? '' : `: ${asText(value)}`
  return { failure: `The function answered status ${statusCode}${detail}`, status: statusCode }
}

const isTextual = (type: string) => /^(text\/|application\/([\w.-]+\+)?(json|xml)\b)/i.test(type)

/** A body that is a JSON object or list is one; anything else is the text it is. */
function parsed(body: string): unknown {
  if (!/^\s*[[{]/.test(body)) return body
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

function mediaBlock({ base64, mimeType = 'application/octet-stream' }: Media): ContentBlock {
  if (mimeType.startsWith('image/')) return { type: 'image', data: base64, mimeType }
  if (mimeType.startsWith('audio/')) return { type: 'audio', data: base64, mimeType }
  return { type: 'resource', resource: { uri: 'data:', mimeType, blob: base64 } }
}

const asText = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

type Issues = readonly {
  message: string
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined
}[]

const malformed = (issues: Issues) =>
  new ProtocolError(
    ProtocolErrorCode.InternalError,
    `The function answered a malformed MCP result: ${places(issues)}`,
  )

export const places = (issues: Issues) =>
  issues
    .slice(0, 3)
    .map(
      ({ message, path = [] }) =>
        `${path.map(step => String(typeof step === 'object' ? step.key : step)).join('.')}: ${message}`,
    )
    .join('; ')
