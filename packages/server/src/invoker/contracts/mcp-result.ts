import {
  type CallToolResult,
  type CompleteResult,
  type GetPromptResult,
  type ReadResourceResult,
  specTypeSchemas,
} from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'
import { losesDigits, parseInexactAsText } from '../../json/exact-numbers.ts'

/** The results that functions may return. */
interface McpResults {
  CallToolResult: CallToolResult
  ReadResourceResult: ReadResourceResult
  GetPromptResult: GetPromptResult
  CompleteResult: CompleteResult
}

export type McpResultName = keyof McpResults

interface Shape {
  /** The member that is a list of entries. A completion has none. */
  list?: string
  /** The other members that MCP knows. */
  members: string[]
  /** An entry without null in its optional members. */
  normalize: (entry: unknown) => unknown
  /** An entry is valid in one of these schemas. */
  entry: (keyof typeof specTypeSchemas)[]
}

const SHAPES: Record<McpResultName, Shape> = {
  CallToolResult: {
    list: 'content',
    members: ['structuredContent', 'isError'],
    normalize: block,
    entry: ['ContentBlock'],
  },
  ReadResourceResult: {
    list: 'contents',
    members: ['ttlMs', 'cacheScope'],
    normalize: withoutNulls,
    entry: ['TextResourceContents', 'BlobResourceContents'],
  },
  GetPromptResult: {
    list: 'messages',
    members: ['description'],
    normalize: message,
    entry: ['PromptMessage'],
  },
  CompleteResult: { members: ['completion'], normalize: it => it, entry: [] },
}

/** Members of every result. Python's models write `_meta` as `meta` when they are not asked. */
const COMMON = ['_meta', 'meta', 'resultType']

/**
 * The MCP result that a value is, or what is wrong with it. Null stands for an absent member where
 * the member is optional: serializers of models write it.
 */
function checkMcpResult<Name extends McpResultName>(
  name: Name,
  value: Record<string, unknown>,
): { result: McpResults[Name] } | { issues: Issues } {
  const { list = '' } = SHAPES[name]
  const { resultType = 'complete', [list]: entries, ...members } = normalized(name, value)
  if (resultType !== 'complete')
    return { issues: [{ path: ['resultType'], message: 'must be "complete"' }] }
  const isList = Array.isArray(entries)
  const others = { ...members, ...(entries !== undefined && { [list]: isList ? [] : entries }) }
  const checked = specTypeSchemas[name]['~standard'].validate(others)
  if (checked.issues) return { issues: checked.issues }
  if (!isList) return { result: checked.value as McpResults[Name] }
  const valid = checkEntries(name, entries)
  return Array.isArray(valid)
    ? { result: { ...(checked.value as McpResults[Name]), [list]: valid } }
    : valid
}

/** One by one: a list of a million wrong entries would make millions of issues. */
function checkEntries(name: McpResultName, entries: unknown[]): unknown[] | { issues: Issues } {
  const { list = '', normalize, entry } = SHAPES[name]
  const valid: unknown[] = []
  for (const [index, it] of entries.entries()) {
    const normal = normalize(it)
    const checks = entry.map(schema => specTypeSchemas[schema]['~standard'].validate(normal))
    const passed = checks.find(check => !check.issues)
    if (!passed || passed.issues) {
      const [{ issues = [] } = {}] = checks
      return {
        issues: issues.map(issue => ({ ...issue, path: [list, index, ...(issue.path ?? [])] })),
      }
    }
    valid.push(passed.value)
  }
  return valid
}

/**
 * The MCP result that any JSON is; undefined where it is something else. It is one if its list is
 * valid, and is not empty or stands beside members of MCP alone. A tool's result may have
 * `structuredContent` in place of the list.
 *
 * @param json the text of the value
 */
export function mcpResultIn<Name extends McpResultName>(
  name: Name,
  value: unknown,
  json: string,
): McpResults[Name] | undefined {
  if (!isRecord(value) || !looksLike(name, value)) return undefined
  const checked = checkExactly(name, value, json)
  return 'result' in checked ? checked.result : undefined
}

function looksLike(name: McpResultName, value: Record<string, unknown>): boolean {
  const { list = '', members } = SHAPES[name]
  const entries = value[list] ?? undefined
  if (Array.isArray(entries) && entries.length > 0) return true
  const known = [list, ...members, ...COMMON]
  if (!Object.keys(value).every(member => known.includes(member))) return false
  return Array.isArray(entries) || (entries === undefined && isPresent(value['structuredContent']))
}

const isPresent = (value: unknown) => value !== undefined && value !== null

/**
 * As `checkMcpResult`. Numbers that JavaScript cannot hold become strings where a string is valid
 * too, such as in `_meta`.
 */
export function checkExactly<Name extends McpResultName>(
  name: Name,
  value: Record<string, unknown>,
  json: string,
): { result: McpResults[Name] } | { issues: Issues } {
  if (losesDigits(json)) {
    const exact = checkMcpResult(name, parseInexactAsText(json) as Record<string, unknown>)
    if ('result' in exact) return exact
  }
  return checkMcpResult(name, value)
}

function normalized(name: McpResultName, value: Record<string, unknown>): Record<string, unknown> {
  const { list = '', members } = SHAPES[name]
  const optional = [list, ...members, ...COMMON]
  return Object.fromEntries(
    Object.entries(value)
      .filter(([member, it]) => it !== null || !optional.includes(member))
      .map(([member, it]) => [member, member === 'completion' ? withoutNulls(it) : it]),
  )
}

export function withoutNulls(value: unknown): unknown {
  if (!isRecord(value) || !Object.values(value).includes(null)) return value
  return Object.fromEntries(Object.entries(value).filter(([, it]) => it !== null))
}

/** A content block. */
function block(value: unknown): unknown {
  const it = withoutNulls(value)
  if (!isRecord(it)) return it
  const { annotations, resource, icons } = it
  return {
    ...it,
    ...(isRecord(annotations) && { annotations: withoutNulls(annotations) }),
    ...(isRecord(resource) && { resource: withoutNulls(resource) }),
    ...(Array.isArray(icons) && { icons: icons.map(withoutNulls) }),
  }
}

/** A message of a prompt. */
function message(value: unknown): unknown {
  const it = withoutNulls(value)
  return isRecord(it) ? { ...it, content: block(it['content']) } : it
}

export type Issues = readonly {
  message: string
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined
}[]

/** Where a result is malformed, and how. */
export const places = (issues: Issues) =>
  issues
    .slice(0, 3)
    .map(
      ({ message, path = [] }) =>
        `${path.map(step => String(typeof step === 'object' ? step.key : step)).join('.')}: ${message}`,
    )
    .join('; ')
