import { isRecord } from '../is-record.ts'
import type { JsonRpcMessage } from '../jsonrpc.ts'
import { headerValueOf } from '../streamable/mcp-headers.ts'

/**
 * The `Mcp-Param-*` headers of tool calls. A tool may ask in its schema (`x-mcp-header`) that a
 * header repeats an argument. Hosts on stdio know no headers, so the bridge adds them:
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
export interface ParamHeaders {
  /** Learns the headers of the tools in the result of `tools/list`. */
  learn(result: unknown): void
  headersOf(call: JsonRpcMessage): Record<string, string>
}

/** More tools than any gateway lists. */
const MAX_TOOLS = 100_000

type Declaration = [header: string, path: string[]]

export function createParamHeaders(): ParamHeaders {
  const known = new Map<string, Declaration[]>()

  return {
    learn(result) {
      const tools = isRecord(result) && Array.isArray(result['tools']) ? result['tools'] : []
      for (const tool of tools) {
        if (!isRecord(tool) || typeof tool['name'] !== 'string') continue
        const declarations = [...declarationsIn(tool['inputSchema'], [])]
        if (declarations.length === 0) known.delete(tool['name'])
        else if (known.size < MAX_TOOLS) known.set(tool['name'], declarations)
      }
    },
    headersOf({ params }) {
      const { name, arguments: given } = isRecord(params) ? params : {}
      const headers: Record<string, string> = {}
      if (typeof name !== 'string') return headers
      for (const [header, path] of known.get(name) ?? []) {
        const text = textOf(
          path.reduce<unknown>((at, key) => (isRecord(at) ? at[key] : null), given),
        )
        if (text !== undefined) headers[`Mcp-Param-${header}`] = headerValueOf(text)
      }
      return headers
    },
  }
}

/** Deeper properties are ignored: a schema must not exhaust the stack. */
const MAX_DEPTH = 100

/** Declarations stand only on properties. */
function* declarationsIn(schema: unknown, path: string[]): Generator<Declaration> {
  if (!isRecord(schema)) return
  const { 'x-mcp-header': header, properties } = schema
  if (typeof header === 'string' && TOKEN.test(header) && path.length > 0) yield [header, path]
  if (!isRecord(properties) || path.length === MAX_DEPTH) return
  for (const [key, property] of Object.entries(properties))
    yield* declarationsIn(property, [...path, key])
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Undefined where the header is left out: no argument, not primitive, or not exact. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value)
}
