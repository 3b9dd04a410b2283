import type { ResourceInput } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Context } from './context.ts'
import { type Completions, invalid } from './final-line.ts'
import { type FunctionOf, toHandler } from './handler.ts'
import type { VariablesOf } from './inferred-types.ts'
import { isRecord, type ReadResult } from './mcp-results.ts'

export type ResourceDefinition<Template extends string> = Pick<
  ResourceInput,
  'title' | 'description' | 'mimeType' | 'size' | 'annotations' | 'icons' | '_meta'
> & {
  name: string
  /**
   * A string is text, bytes are a blob, an MCP result, with `contents`, is one, and any other value is JSON.
   * Nothing means that there is no such resource. What it throws is told to the client, as an error.
   */
  read(uri: string, variables: VariablesOf<Template>, ctx: Context): unknown
} & (
    | { uri: string; uriTemplate?: never; complete?: never }
    | {
        uri?: never
        /** RFC 6570, for instance `notes://{id}`. */
        uriTemplate: Template
        /** By variable. */
        complete?: Completions
      }
  )

/** A Lambda function that is a resource, or all those of a URI template; see `defineTool`. */
export function defineResource<const Template extends string = ''>(
  definition: ResourceDefinition<Template>,
): FunctionOf<'resource', ResourceArguments<Template>> {
  const { name, mimeType } = definition
  return toHandler({
    type: 'resource',
    name,
    method: 'resources/read',
    complete: definition.complete,
    async answer(params, ctx, { context: { variables = {} } }) {
      const uri = String(params['uri'])
      return toResult(await definition.read(uri, variables as VariablesOf<Template>, ctx), uri)
    },
    describe() {
      const { title, description, uri, uriTemplate, size, annotations, icons, _meta } = definition
      return { title, description, uri, uriTemplate, mimeType, size, annotations, icons, _meta }
    },
  })

  function toResult(value: unknown, uri: string): ReadResult {
    if (value === undefined || value === null) throw invalid(`Resource not found: ${uri}`, { uri })
    if (isRecord(value) && Array.isArray(value['contents'])) return value as unknown as ReadResult
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

/** With which a test reads it. */
export type ResourceArguments<Template extends string> = '' extends Template
  ? { uri?: string }
  : { uri: string; variables: VariablesOf<Template> }

const BYTES = 'application/octet-stream'

const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')
