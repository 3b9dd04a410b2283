import type { Context } from './context.ts'
import type { Completions } from './definition.ts'
import { type FunctionOf, toHandler } from './handler.ts'
import type { VariablesOf } from './inferred-types.ts'
import { isReadResult } from './is-mcp-result.ts'
import { invalidParams } from './jsonrpc-error.ts'
import type { ReadResult } from './mcp-results.ts'
import type { ResourceRegistration, Shown } from './registration.ts'
import { textOf } from './text-of.ts'

export type ResourceDefinition<Template extends string> = Shown &
  Pick<ResourceRegistration, 'mimeType' | 'size' | 'annotations'> & {
    name: string
    /**
     * Returns an MCP result with `contents`, a string (text), bytes (a blob), undefined (the
     * resource does not exist) or any other value (its JSON). The client gets the message of a
     * thrown error as a JSON-RPC error.
     */
    read(uri: string, variables: VariablesOf<Template>, ctx: Context): unknown
  } & (
    | { uri: string; uriTemplate?: never; complete?: never }
    | {
        uri?: never
        /** A URI template of RFC 6570, for example `notes://{id}`. */
        uriTemplate: Template
        /** Completion, by variable. */
        complete?: Completions
      }
  )

/** Makes a Lambda handler that is a resource or a resource template. See `defineTool`. */
export function defineResource<const Template extends string = ''>(
  definition: ResourceDefinition<Template>,
): FunctionOf<'resource', ResourceArguments<Template>> {
  const { name, mimeType } = definition
  return toHandler({
    type: 'resource',
    name,
    method: 'resources/read',
    complete: definition.complete,
    async run(params, ctx, { context: { variables = {} } }) {
      const uri = String(params['uri'])
      return toResult(await definition.read(uri, variables as VariablesOf<Template>, ctx), uri)
    },
    describe() {
      const { title, description, uri, uriTemplate, size, annotations, icons, _meta } = definition
      return { title, description, uri, uriTemplate, mimeType, size, annotations, icons, _meta }
    },
  })

  function toResult(value: unknown, uri: string): ReadResult {
    if (value === undefined || value === null)
      throw invalidParams(`Resource not found: ${uri}`, { uri })
    if (isReadResult(value)) return value
    const bytes = bytesOf(value)
    if (bytes) return { contents: [{ uri, mimeType: mimeType ?? BYTES, blob: base64(bytes) }] }
    const type = typeof value === 'string' ? 'text/plain' : 'application/json'
    return { contents: [{ uri, mimeType: mimeType ?? type, text: textOf(value) }] }
  }
}

/** The arguments for `testFunction`. */
export type ResourceArguments<Template extends string> = '' extends Template
  ? { uri?: string }
  : { uri: string; variables: VariablesOf<Template> }

const BYTES = 'application/octet-stream'

/** Also of another realm, as test runners have them. */
function bytesOf(value: unknown): ArrayBufferView | undefined {
  if (ArrayBuffer.isView(value)) return value
  const isBuffer = Object.prototype.toString.call(value) === '[object ArrayBuffer]'
  return isBuffer ? new Uint8Array(value as ArrayBuffer) : undefined
}

const base64 = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
