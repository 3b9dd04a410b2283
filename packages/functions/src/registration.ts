/**
 * The registration that `describe` makes: the body of `POST /register`. The admin client has the
 * same types, inferred from the schemas with which the server validates. They are repeated here,
 * because a function has no use for that package. `test/inferred-types.test.ts` compares them.
 *
 * @module
 */

interface Icon {
  /** An `https:` or a `data:image/…` URI. */
  src: string
  mimeType?: string | undefined
  sizes?: string[] | undefined
  theme?: 'light' | 'dark' | undefined
}

/** https://modelcontextprotocol.io/specification/2026-07-28/server/tools */
export interface ToolAnnotations {
  title?: string | undefined
  readOnlyHint?: boolean | undefined
  destructiveHint?: boolean | undefined
  idempotentHint?: boolean | undefined
  openWorldHint?: boolean | undefined
}

/** https://modelcontextprotocol.io/specification/2026-07-28/server/resources */
interface ResourceAnnotations {
  audience?: ('user' | 'assistant')[] | undefined
  priority?: number | undefined
  /** ISO 8601. */
  lastModified?: string | undefined
}

export interface PromptArgument {
  name: string
  title?: string | undefined
  description?: string | undefined
  required?: boolean | undefined
}

/** The fields for people and clients, which every type has. */
export interface Shown {
  title?: string | undefined
  description?: string | undefined
  icons?: Icon[] | undefined
  _meta?: Record<string, unknown> | undefined
}

interface Common extends Shown {
  name: string
  lambdaArn: string
  contract: 'mcp'
  allow?: string[] | undefined
}

interface ToolRegistration extends Common {
  type: 'tool'
  inputSchema: Record<string, unknown>
  outputSchema?: Record<string, unknown> | undefined
  annotations?: ToolAnnotations | undefined
}

export interface ResourceRegistration extends Common {
  type: 'resource'
  uri?: string | undefined
  uriTemplate?: string | undefined
  mimeType?: string | undefined
  /** Bytes. */
  size?: number | undefined
  annotations?: ResourceAnnotations | undefined
}

interface PromptRegistration extends Common {
  type: 'prompt'
  arguments?: PromptArgument[] | undefined
}

/** By the type of the registration. */
export interface Registrations {
  tool: ToolRegistration
  resource: ResourceRegistration
  prompt: PromptRegistration
}
