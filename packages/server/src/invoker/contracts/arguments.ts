import type { Prompt, Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type {
  CallToolResult,
  ContentBlock,
  GetPromptResult,
  ReadResourceResult,
} from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'
import { losesDigits } from '../../json/exact-numbers.ts'
import { memberText } from '../../json/member-text.ts'
import { INTERNAL_ERROR, JsonRpcError, resourceNotFound } from '../../jsonrpc-error.ts'
import type { Outcome } from '../invoker.ts'
import type { Media } from './http-response.ts'
import {
  isPlainMcpResult,
  looksLikeMcpResult,
  type McpResultName,
  type McpResults,
} from './mcp-result-shape.ts'
import { parseOutput } from './output.ts'
import { type ToolOutput, textBlock } from './structured-content.ts'

/**
 * The calling contract `arguments`: a function gets plain arguments and returns any JSON. The
 * functions below turn its output into the MCP result of each type. docs/function-authors.md lists
 * the forms of output.
 */
export async function toToolOutput(outcome: Outcome): Promise<ToolOutput> {
  const output = await parseOutput(outcome)
  if ('failure' in output) return unstructured(failedTool(output.failure))
  if ('media' in output) return unstructured({ content: [mediaBlock(output.media)] })
  const { value, text } = output
  if (value === undefined || value === null) return unstructured({ content: [] })
  const result = await mcpResultIn('CallToolResult', value, text)
  if (result) return { result, structuredText: () => memberText(text, 'structuredContent') ?? '' }
  const content = [textBlock(text)]
  return isRecord(value)
    ? { result: { content, structuredContent: value }, structuredText: () => text }
    : unstructured({ content })
}

export async function toReadResult(
  outcome: Outcome,
  uri: string,
  { mimeType }: Resource,
): Promise<ReadResourceResult> {
  const output = await parseOutput(outcome)
  if ('failure' in output) {
    if (output.status === 404) throw resourceNotFound(uri)
    throw new JsonRpcError(INTERNAL_ERROR, output.failure, { uri })
  }
  if ('media' in output) {
    const { media } = output
    return { contents: [{ uri, mimeType: media.mimeType ?? mimeType, blob: media.base64 }] }
  }
  const { value, text } = output
  if (value === undefined || value === null) return { contents: [] }
  const result = await mcpResultIn('ReadResourceResult', value, text)
  if (result) return result
  const isText = typeof value === 'string'
  const type = mimeType ?? output.mimeType ?? (isText ? 'text/plain' : 'application/json')
  return { contents: [{ uri, mimeType: type, text }] }
}

export async function toPromptResult(
  outcome: Outcome,
  { description }: Prompt,
): Promise<GetPromptResult> {
  const output = await parseOutput(outcome)
  if ('failure' in output) throw new JsonRpcError(INTERNAL_ERROR, output.failure)
  if ('media' in output) return oneMessage(mediaBlock(output.media))
  const { value, text } = output
  const result = await mcpResultIn('GetPromptResult', value, text)
  if (result) return result
  const isNothing = value === undefined || value === null || text === ''
  return oneMessage(isNothing ? undefined : textBlock(text))

  function oneMessage(content: ContentBlock | undefined): GetPromptResult {
    const messages = content ? [{ role: 'user' as const, content }] : []
    return { ...(description === undefined ? {} : { description }), messages }
  }
}

/**
 * The MCP result that the output is, if it is one. The schemas are loaded where they are needed.
 */
async function mcpResultIn<Name extends McpResultName>(
  name: Name,
  value: unknown,
  text: string,
): Promise<McpResults[Name] | undefined> {
  if (!isRecord(value) || !looksLikeMcpResult(name, value)) return undefined
  if (isPlainMcpResult(name, value) && !losesDigits(text))
    return value as unknown as McpResults[Name]
  const schemas = await import('./mcp-result.ts')
  return schemas.mcpResultIn(name, value, text)
}

export const failedTool = (message: string): CallToolResult => ({
  isError: true,
  content: [textBlock(message)],
})

const unstructured = (result: CallToolResult): ToolOutput => ({
  result,
  structuredText: () => '',
})

function mediaBlock({ base64, mimeType = 'application/octet-stream' }: Media): ContentBlock {
  if (mimeType.startsWith('image/')) return { type: 'image', data: base64, mimeType }
  if (mimeType.startsWith('audio/')) return { type: 'audio', data: base64, mimeType }
  return { type: 'resource', resource: { uri: 'data:', mimeType, blob: base64 } }
}
