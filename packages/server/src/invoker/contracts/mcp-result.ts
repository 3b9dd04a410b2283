import { specTypeSchemas } from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'
import { losesDigits, parseInexactAsText } from '../../json/exact-numbers.ts'
import {
  COMMON_MEMBERS,
  looksLikeMcpResult,
  MCP_RESULT_MEMBERS,
  type McpResultMembers,
  type McpResultName,
  type McpResults,
} from './mcp-result-shape.ts'

interface Shape extends McpResultMembers {
  /** An entry without null in its optional members. */
  normalize: (entry: unknown) => unknown
  /** An entry is valid in one of these schemas. */
  entry: (keyof typeof specTypeSchemas)[]
}

const SHAPES: Record<McpResultName, Shape> = {
  CallToolResult: {
    ...MCP_RESULT_MEMBERS.CallToolResult,
    normalize: block,
    entry: ['ContentBlock'],
  },
  ReadResourceResult: {
    ...MCP_RESULT_MEMBERS.ReadResourceResult,
    normalize: withoutNulls,
    entry: ['TextResourceContents', 'BlobResourceContents'],
  },
  GetPromptResult: {
    ...MCP_RESULT_MEMBERS.GetPromptResult,
    normalize: promptMessage,
    entry: ['PromptMessage'],
  },
  CompleteResult: { ...MCP_RESULT_MEMBERS.CompleteResult, normalize: it => it, entry: [] },
}

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
 * The MCP result that any JSON is; undefined where it is something else. It is one if it looks like
 * one and is valid.
 *
 * @param json the text of the value
 */
export function mcpResultIn<Name extends McpResultName>(
  name: Name,
  value: unknown,
  json: string,
): McpResults[Name] | undefined {
  if (!isRecord(value) || !looksLikeMcpResult(name, value)) return undefined
  const checked = checkExactly(name, value, json)
  return 'result' in checked ? checked.result : undefined
}

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
  const optional = [list, ...members, ...COMMON_MEMBERS]
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

/** A message of a prompt, or of a sampling request, whose content may be a list. */
export function promptMessage(value: unknown): unknown {
  const it = withoutNulls(value)
  if (!isRecord(it)) return it
  const { content } = it
  return { ...it, content: Array.isArray(content) ? content.map(block) : block(content) }
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
