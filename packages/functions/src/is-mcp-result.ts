import { isRecord } from './is-record.ts'
import type { PromptResult, ReadResult, ToolResult } from './mcp-results.ts'

/** Whether a value is a content block. The gateway checks the details. */
function isContentBlock(value: unknown): boolean {
  if (!isRecord(value)) return false
  switch (value['type']) {
    case 'text':
      return typeof value['text'] === 'string'
    case 'image':
    case 'audio':
      return typeof value['data'] === 'string' && typeof value['mimeType'] === 'string'
    case 'resource':
      return isResourceContents(value['resource'])
    case 'resource_link':
      return typeof value['uri'] === 'string' && typeof value['name'] === 'string'
    default:
      return false
  }
}

const isResourceContents = (value: unknown) =>
  isRecord(value) &&
  typeof value['uri'] === 'string' &&
  (typeof value['text'] === 'string' || typeof value['blob'] === 'string')

const isMessage = (value: unknown) =>
  isRecord(value) &&
  (value['role'] === 'user' || value['role'] === 'assistant') &&
  isContentBlock(value['content'])

/**
 * An author's value is an MCP result where its list is valid, and is not empty or stands beside
 * members of MCP alone. Any other value is the author's own data.
 */
function hasList(
  value: unknown,
  list: string,
  members: string[],
  isEntry: (entry: unknown) => boolean,
): boolean {
  if (!isRecord(value) || !Array.isArray(value[list]) || !value[list].every(isEntry)) return false
  return value[list].length > 0 || hasOnly(value, [list, ...members])
}

const hasOnly = (value: Record<string, unknown>, members: string[]) =>
  Object.keys(value).every(member => member === '_meta' || members.includes(member))

export const isToolResult = (value: unknown): value is ToolResult =>
  hasList(value, 'content', ['structuredContent', 'isError'], isContentBlock)

/** A tool result whose content the author leaves to us. */
export const isStructuredResult = (value: unknown): value is Omit<ToolResult, 'content'> =>
  isRecord(value) &&
  value['structuredContent'] !== undefined &&
  hasOnly(value, ['structuredContent', 'isError'])

export const isReadResult = (value: unknown): value is ReadResult =>
  hasList(value, 'contents', [], isResourceContents)

export const isPromptResult = (value: unknown): value is PromptResult =>
  hasList(value, 'messages', ['description'], isMessage)
