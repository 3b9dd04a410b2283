import type { Context } from './context.ts'
import type { Completions } from './definition.ts'
import { type FunctionOf, toHandler } from './handler.ts'
import type { VariablesOf } from './inferred-types.ts'
import { isReadResult } from './is-mcp-result.ts'
import { invalidParams } from './jsonrpc-error.ts'
import type { ReadResult } from './mcp-results.ts'
import type { ResourceRegistration, Shown } from './registration.ts'

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
    if (value instanceof Uint8Array)
      return { contents: [{ uri, mimeType: mimeType ?? BYTES, blob: base64(value) }] }
    return typeof value === 'string'
      ? { contents: [{ uri, mimeType: mimeType ?? 'text/plain', text: value }] }
      : {
          contents: [
            { uri, mimeType: mimeType ?? 'application/json', text: JSON.stringify(value) },
          ],
        }
  }
}

/** The arguments for `testFunction`. */
export type ResourceArguments<Template extends string> = '' extends Template
  ? { uri?: string }
  : { uri: string; variables: VariablesOf<Template> }

const BYTES = 'application/octet-stream'

const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
