import type {
  CallToolResult,
  CompleteResult,
  GetPromptResult,
  ReadResourceResult,
} from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'

/** The results that functions may return. */
export interface McpResults {
  CallToolResult: CallToolResult
  ReadResourceResult: ReadResourceResult
  GetPromptResult: GetPromptResult
  CompleteResult: CompleteResult
}

export type McpResultName = keyof McpResults

export interface McpResultMembers {
  /** The member that is a list of entries. A completion has none. */
  list?: 'content' | 'contents' | 'messages'
  /** The other members that MCP knows. */
  members: string[]
}

export const MCP_RESULT_MEMBERS: Record<McpResultName, McpResultMembers> = {
  CallToolResult: { list: 'content', members: ['structuredContent', 'isError'] },
  ReadResourceResult: { list: 'contents', members: ['ttlMs', 'cacheScope'] },
  GetPromptResult: { list: 'messages', members: ['description'] },
  CompleteResult: { members: ['completion'] },
}

/** Members of every result. Python's models write `_meta` as `meta` when they are not asked. */
export const COMMON_MEMBERS = ['_meta', 'meta', 'resultType']

/**
 * Whether a value may be an MCP result: its list is not empty, or stands beside members of MCP
 * alone. A tool's result may have `structuredContent` in place of the list.
 */
export function looksLikeMcpResult(name: McpResultName, value: Record<string, unknown>): boolean {
  const { list = '', members } = MCP_RESULT_MEMBERS[name]
  const entries = value[list] ?? undefined
  if (Array.isArray(entries) && entries.length > 0) return true
  const known = [list, ...members, ...COMMON_MEMBERS]
  if (!Object.keys(value).every(member => known.includes(member))) return false
  return (
    Array.isArray(entries) ||
    (entries === undefined && (value['structuredContent'] ?? undefined) !== undefined)
  )
}

/**
 * Whether a value is an MCP result that needs no other check, as most functions return it: its
 * members are the common ones, and valid. It is not loaded with the schemas of the SDK, which take
 * most of a cold start. False says nothing about a value.
 */
export function isPlainMcpResult(name: McpResultName, value: Record<string, unknown>): boolean {
  const { list } = MCP_RESULT_MEMBERS[name]
  const isPlain = PLAIN[name]
  if (!list || !isPlain) return false
  const { [list]: entries, ...others } = value
  return isPlain.others(others) && Array.isArray(entries) && entries.every(isPlain.entry)
}

interface PlainShape {
  entry(it: unknown): boolean
  others(members: Record<string, unknown>): boolean
}

const PLAIN: Partial<Record<McpResultName, PlainShape>> = {
  CallToolResult: {
    entry: isPlainBlock,
    others: ({ isError, structuredContent, ...rest }) =>
      (isError === undefined || typeof isError === 'boolean') &&
      (structuredContent === undefined || isRecord(structuredContent)) &&
      Object.keys(rest).length === 0,
  },
  ReadResourceResult: {
    entry: isPlainContents,
    others: others => Object.keys(others).length === 0,
  },
  GetPromptResult: {
    entry: isPlainMessage,
    others: others => hasOnly(others, { description: isText }, []),
  },
}

function isPlainBlock(it: unknown): boolean {
  if (!isRecord(it)) return false
  const { type, ...members } = it
  if (type === 'text') return hasOnly(members, { text: isText }, ['text'])
  if (type === 'image' || type === 'audio')
    return hasOnly(members, { data: isBase64, mimeType: isText }, ['data', 'mimeType'])
  if (type === 'resource') return hasOnly(members, { resource: isPlainContents }, ['resource'])
  return type === 'resource_link' && hasOnly(members, LINK, ['uri', 'name'])
}

const LINK = { uri: isText, name: isText, title: isText, description: isText, mimeType: isText }

function isPlainContents(it: unknown): boolean {
  return (
    isRecord(it) &&
    (hasOnly(it, { uri: isText, mimeType: isText, text: isText }, ['uri', 'text']) ||
      hasOnly(it, { uri: isText, mimeType: isText, blob: isBase64 }, ['uri', 'blob']))
  )
}

function isPlainMessage(it: unknown): boolean {
  if (!isRecord(it)) return false
  const { role, content, ...rest } = it
  const isRole = role === 'user' || role === 'assistant'
  return isRole && isPlainBlock(content) && Object.keys(rest).length === 0
}

function hasOnly(
  value: Record<string, unknown>,
  checks: Record<string, (it: unknown) => boolean>,
  required: string[],
): boolean {
  return (
    required.every(name => Object.hasOwn(value, name)) &&
    Object.entries(value).every(
      ([name, it]) => Object.hasOwn(checks, name) && checks[name]?.(it) === true,
    )
  )
}

function isText(it: unknown): boolean {
  return typeof it === 'string'
}

function isBase64(it: unknown): boolean {
  return typeof it === 'string' && it.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(it)
}
