import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/server'

import { cutText } from '../../http/cut-text.ts'
import { isRecord } from '../../is-record.ts'
import { isDeeperThan, MAX_DEPTH } from '../../json/depth.ts'
import { firstInexact, losesDigits, parseExact } from '../../json/exact-numbers.ts'

/** The result of a tool, before it is fitted to the client. */
export interface ToolOutput {
  result: CallToolResult
  /** The JSON of `structuredContent` as the function wrote it. */
  structuredText(): string
}

/**
 * What is wrong with the numbers of the structured content: JavaScript reads another value, and so
 * would a client. The tool has an output schema, so clients insist on structured content.
 */
export function inexactNumbers({ result, structuredText }: ToolOutput): CallToolResult | undefined {
  if (!isPresent(result.structuredContent)) return undefined
  const text = structuredText()
  const number = firstInexact(text)
  if (number === undefined) return undefined
  const message = `The structured content of the function has a number that JavaScript cannot hold exactly: ${cutText(number, 100)}. The function has to return it as a string, and the output schema has to say so. The output follows`
  return { isError: true, content: [textBlock(message), textBlock(text)] }
}

/**
 * The result as a client may have it. Its text has the structured content where there is no other
 * content, and where the structured content is left out:
 * - a number in it is one that JavaScript reads as another value;
 * - it is no object, and the protocol version is before 2026-07-28.
 */
export function fitToClient(
  { result, structuredText }: ToolOutput,
  takesAnyStructure: boolean,
): CallToolResult {
  const { structuredContent, ...rest } = result
  if (!isPresent(structuredContent)) return rest
  const text = structuredText()
  if (losesDigits(text) || !(takesAnyStructure || isRecord(structuredContent)))
    return withText(rest, text)
  return result.content.length > 0 ? result : withText(result, text)
}

/** The result with this JSON as a text, unless it has that text already. */
function withText<Result extends CallToolResult>(result: Result, json: string): Result {
  const { content } = result
  const compact = compactJson(json)
  const isThere = content.some(it => it.type === 'text' && compactJson(it.text) === compact)
  return isThere ? result : { ...result, content: [...content, textBlock(json)] }
}

/** JSON without white space; undefined for any other text, and for JSON that is nested too deep. */
function compactJson(text: string): string | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  if (isDeeperThan(MAX_DEPTH, text)) return undefined
  const { value, stringify } = parseExact(text)
  return stringify(value)
}

export const textBlock = (text: string): ContentBlock => ({ type: 'text', text })

const isPresent = (value: unknown) => value !== undefined && value !== null
