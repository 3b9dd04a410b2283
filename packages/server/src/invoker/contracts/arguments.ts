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

import { isRecord } from '../../is-record.ts'
import type { Outcome } from '../invoker.ts'

/**
 * The calling contract `arguments`: a function gets plain arguments and returns any JSON. The
 * functions below turn its output into the MCP result of each type. docs/function-authors.md lists
 * the forms of output.
 */
export function toToolResult(outcome: Outcome): CallToolResult {
  const output = parse(outcome)
  if ('failure' in output) return failedTool(output.failure)
  const { value, media } = output
  if (isRecord(value) && Array.isArray(value['content'])) {
    const result = specTypeSchemas.CallToolResult['~standard'].validate(value)
    return result.issues
      ? failedTool(`The function output is a malformed MCP result: ${places(result.issues)}`)
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
  const output = parse(outcome)
  if ('failure' in output) {
    if (output.status === 404) throw new ResourceNotFoundError(uri)
    throw new ProtocolError(ProtocolErrorCode.InternalError, output.failure, { uri })
  }
  const { value, media } = output
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
  const output = parse(outcome)
  if ('failure' in output) throw new ProtocolError(ProtocolErrorCode.InternalError, output.failure)
  const { value } = output
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

type Output = { value: unknown; media?: Media } | { failure: string; status?: number }

/** Parses the output, and unwraps it where it is `{statusCode, body}`. */
function parse(outcome: Outcome): Output {
  if ('failure' in outcome) return outcome
  let value: unknown
  try {
    value = outcome.payload === '' ? undefined : JSON.parse(outcome.payload)
  } catch {
    return { failure: 'The function output is not JSON' }
  }
  return isHttpResponse(value) ? unwrap(value) : { value }
}

interface HttpResponse {
  statusCode: number
  body?: unknown
  headers?: unknown
  isBase64Encoded?: boolean
}

/** The output of functions behind an API Gateway, a load balancer or a Function URL. */
function isHttpResponse(value: unknown): value is HttpResponse {
  return (
    isRecord(value) &&
    Number.isInteger(value['statusCode']) &&
    ('body' in value || 'headers' in value || Object.keys(value).length === 1)
  )
}

function unwrap({ statusCode, body, headers, isBase64Encoded }: HttpResponse): Output {
  const type = contentType(headers)
  if (isBase64Encoded && typeof body === 'string') {
    if (statusCode < 400 && type && !isTextual(type))
      return { value: undefined, media: { base64: body, mimeType: type } }
    body = Buffer.from(body, 'base64').toString()
  }
  const value = typeof body === 'string' ? parseBody(body) : body
  if (statusCode < 400) return { value }
  const detail = value === undefined || value === null || value === '' ? '' : `: ${asText(value)}`
  return { failure: `The function returned status ${statusCode}${detail}`, status: statusCode }
}

function contentType(headers: unknown): string | undefined {
  if (!isRecord(headers)) return undefined
  const [, type] =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type') ?? []
  return typeof type === 'string' ? type : undefined
}

const isTextual = (type: string) => /^(text\/|application\/([\w.-]+\+)?(json|xml)\b)/i.test(type)

/** Parses a body that is a JSON object or array; any other body is text. */
function parseBody(body: string): unknown {
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

type Issues = readonly {
  message: string
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined
}[]

const malformed = (issues: Issues) =>
  new ProtocolError(
    ProtocolErrorCode.InternalError,
    `The function output is a malformed MCP result: ${places(issues)}`,
  )

export const places = (issues: Issues) =>
  issues
    .slice(0, 3)
    .map(
      ({ message, path = [] }) =>
        `${path.map(step => String(typeof step === 'object' ? step.key : step)).join('.')}: ${message}`,
    )
    .join('; ')
