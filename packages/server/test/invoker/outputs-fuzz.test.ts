import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Prompt, Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { ProtocolError, specTypeSchemas } from '@modelcontextprotocol/server'
import { test } from 'vitest'

import {
  toPromptResult,
  toReadResult,
  toToolOutput,
} from '../../src/invoker/contracts/arguments.ts'
import { resultOf } from '../../src/invoker/contracts/mcp.ts'
import { fitToClient, type ToolOutput } from '../../src/invoker/contracts/structured-content.ts'
import { losesDigits } from '../../src/json/exact-numbers.ts'
import { JsonRpcError } from '../../src/jsonrpc-error.ts'

/** Each test generates as many outputs from its own seed. */
const CASES = 1_500
const SEEDS = Array.from({ length: 16 }, (_, nth) => 20_261_126 + nth)

/** Generates outputs that resemble HTTP responses, MCP results and their mistakes. */
function generator(seed: number) {
  let state = seed

  /** mulberry32: between 0 and 1. */
  function random(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <Item>(items: readonly Item[]) => items[below(items.length)] as Item
  const chance = (probability: number) => random() < probability

  /** JSON text, because JavaScript cannot hold every number. */
  function json(depth = 0): string {
    if (depth > 4 || chance(0.3)) return scalar()
    if (chance(0.2)) return list(() => json(depth + 1))
    return object(depth)
  }

  function object(depth: number): string {
    const members = Array.from({ length: below(5) }, () => {
      const name = pick(NAMES)
      return `${JSON.stringify(name)}:${space()}${member(name, depth)}`
    })
    return `{${members.join(`,${space()}`)}}`
  }

  function member(name: string, depth: number): string {
    if (chance(0.15)) return pick(['null', scalar(), json(depth + 1)])
    switch (name) {
      case 'content':
      case 'messages':
      case 'contents':
        return list(() => object(depth + 1))
      case 'type':
        return string(pick(['text', 'image', 'audio', 'resource', 'resource_link', 'x']))
      case 'role':
        return string(pick(['user', 'assistant', 'system']))
      case 'statusCode':
        return pick(['200', '"200"', '404', '"500"', '204', '7', '200.0', '2e2', 'null'])
      case 'isBase64Encoded':
      case 'isError':
        return pick(['true', 'false'])
      case 'headers':
        return `{"${pick(['Content-Type', 'content-encoding'])}":${string(pick(HEADERS))}}`
      case 'multiValueHeaders':
        return `{"${pick(['Content-Type', 'content-encoding'])}":[${string(pick(HEADERS))}]}`
      case 'body':
        return chance(0.5) ? string(json(depth + 1)) : scalar()
      case 'data':
      case 'blob':
        return string(pick(['aGk=', 'aGk', 'a-_', 'no base64!']))
      case 'structuredContent':
      case '_meta':
      case 'annotations':
        return json(depth + 1)
      default:
        return scalar()
    }
  }

  const list = (item: () => string) => `[${Array.from({ length: below(4) }, item).join(',')}]`
  const string = (text: string) => JSON.stringify(text)
  const space = () => pick(['', '', ' ', '\n\t'])

  function scalar(): string {
    if (chance(0.4)) return pick(NUMBERS)
    if (chance(0.2)) return pick(['null', 'true', 'false'])
    return string(pick(STRINGS))
  }

  return function output(): string {
    const kind = random()
    if (kind < 0.02) return pick(BROKEN)
    if (kind < 0.03) return '['.repeat(below(400)) + json()
    if (kind < 0.032) {
      const depth = pick([150, 199, 200, 201, 5_000, 100_000])
      return `{"content":[],"structuredContent":${'['.repeat(depth)}${']'.repeat(depth)}}`
    }
    if (kind < 0.033)
      return `{"content":${list(() => pick(STRINGS).repeat(20_000).slice(0, 100_000))}}`
    return `${space()}${kind < 0.8 ? object(0) : json()}${space()}`
  }
}

const NAMES = [
  ...['content', 'contents', 'messages', 'structuredContent', 'isError', '_meta', 'meta'],
  ...['type', 'text', 'data', 'mimeType', 'resource', 'uri', 'blob', 'name', 'role', 'annotations'],
  ...['statusCode', 'headers', 'multiValueHeaders', 'body', 'isBase64Encoded', 'resultType'],
  ...['description', 'errorMessage', 'errorType', 'id', '__proto__', 'constructor', 'toJSON', ''],
]
const HEADERS = [
  ...['text/plain', 'IMAGE/PNG', 'image/svg+xml', 'application/yaml', 'audio/mpeg', 'x', ';'],
  ...['gzip', 'br', 'identity', 'zstd', 'gzip, gzip', 'text/plain; charset=utf-16', ''],
]
const NUMBERS = [
  ...['0', '-0', '1', '1.0', '1e3', '0.1', '-17', '9007199254740993', '12345678901234567890'],
  ...['0.1234567890123456789', '1e400', '1e-400', '0.10000000000000001', '200', '404'],
]
const STRINGS = [
  ...['', 'x', 'aGk=', 'H4sIAAAAAAAAA8vIBACsKpPYAgAAAA==', 'text', 'user', 'complete', 'a:b'],
  ...[
    '\u0000',
    '\ud800',
    '\u2028',
    '"',
    '\\',
    '{"a":1}',
    '[1',
    '9007199254740993',
    'x '.repeat(50),
  ],
]
const BROKEN = [
  '',
  ' ',
  '{',
  '{"a":',
  'NaN',
  'undefined',
  "{'a':1}",
  '"\ud800',
  '\u0000',
  '[1,]',
  '\ufeff{}',
]

const resource = { name: 'r' } as unknown as Resource
const prompt = { name: 'p' } as unknown as Prompt

const isValid = (name: keyof typeof specTypeSchemas, value: unknown) =>
  specTypeSchemas[name]['~standard'].validate(value).issues === undefined

/** What a client gets: the result, or undefined for a JSON-RPC error. */
async function resultOrError<Result>(get: () => Result | Promise<Result>) {
  try {
    return await get()
  } catch (error) {
    assert(error instanceof ProtocolError || error instanceof JsonRpcError, error as Error)
    return undefined
  }
}

function checkTool(output: ToolOutput) {
  const structured = output.structuredText()
  for (const takesAny of [false, true]) {
    const result = fitToClient(output, takesAny)
    assert(isValid('CallToolResult', result))
    if (!takesAny) assert(CallToolResultSchema.safeParse(result).success)
    const { structuredContent } = JSON.parse(JSON.stringify(result))
    if (structuredContent === undefined) continue
    assert(result.content.length > 0)
    assert(!losesDigits(structured))
    // JavaScript writes -0 as 0.
    const expected = JSON.parse(JSON.stringify(JSON.parse(structured)))
    assert(isDeepStrictEqual(structuredContent, expected))
  }
}

async function checkLine(line: string) {
  const handlers = { progress: async () => {}, log: async () => {} }
  async function* body() {
    yield Buffer.from(line)
  }
  const output = await resultOrError(() => resultOf('tools/call', body(), handlers))
  if (output && 'structuredText' in output) checkTool(output as ToolOutput)
  const read = await resultOrError(() => resultOf('resources/read', body(), handlers))
  assert(read === undefined || isValid('ReadResourceResult', read))
}

test.each(SEEDS)('outputs generated from seed %i become valid results or errors', async seed => {
  const next = generator(seed)
  for (let nth = 0; nth < CASES; nth++) {
    const payload = next()
    try {
      checkTool(await toToolOutput({ payload }))
      const read = await resultOrError(() => toReadResult({ payload }, 'a:b', resource))
      assert(read === undefined || isValid('ReadResourceResult', read))
      const got = await resultOrError(() => toPromptResult({ payload }, prompt))
      assert(got === undefined || isValid('GetPromptResult', got))
      JSON.stringify([read, got])
      if (nth % 4 === 0) await checkLine(`{"result":${payload.replaceAll('\n', ' ')}}`)
      if (nth % 4 === 2) await checkLine(payload)
    } catch (error) {
      throw new Error(`Output ${nth}: ${payload.slice(0, 2_000)}`, { cause: error })
    }
  }
})
