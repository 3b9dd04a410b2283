/**
 * The words of MCP that authors meet, as of revision 2026-07-28. Written down once more because the SDK's own come
 * with the SDK, which a function does not need.
 * https://modelcontextprotocol.io/specification/2026-07-28/schema
 *
 * @module
 */
interface Meta {
  _meta?: Record<string, unknown>
}

interface Annotated extends Meta {
  annotations?: { audience?: ('user' | 'assistant')[]; priority?: number; lastModified?: string }
}

type ResourceContents = Meta & { uri: string; mimeType?: string } & (
    | { text: string }
    | { blob: string }
  )

export type ContentBlock = Annotated &
  (
    | { type: 'text'; text: string }
    | { type: 'image' | 'audio'; data: string; mimeType: string }
    | { type: 'resource'; resource: ResourceContents }
    | {
        type: 'resource_link'
        uri: string
        name: string
        title?: string
        description?: string
        mimeType?: string
        size?: number
      }
  )

export interface ToolResult extends Meta {
  content: ContentBlock[]
  structuredContent?: Record<string, unknown>
  isError?: boolean
}

export interface ReadResult extends Meta {
  contents: ResourceContents[]
}

export interface PromptResult extends Meta {
  description?: string
  messages: { role: 'user' | 'assistant'; content: ContentBlock }[]
}

export interface CompleteResult extends Meta {
  completion: { values: string[]; total?: number; hasMore?: boolean }
}

/** What the user did with a form. */
export type Elicited<Content = unknown> =
  | { action: 'accept'; content: Content }
  | { action: 'decline' | 'cancel' }

/** `sampling/createMessage`. */
export interface SampleParams extends Meta {
  messages: { role: 'user' | 'assistant'; content: unknown }[]
  maxTokens: number
  systemPrompt?: string
  temperature?: number
  stopSequences?: string[]
  includeContext?: 'none' | 'thisServer' | 'allServers'
  modelPreferences?: {
    hints?: { name?: string }[]
    costPriority?: number
    speedPriority?: number
    intelligencePriority?: number
  }
  metadata?: Record<string, unknown>
}

/** What the client's model said. */
export interface Sample extends Meta {
  role: 'user' | 'assistant'
  model: string
  content: { type: string; text?: string; data?: string; mimeType?: string }
  stopReason?: string
}

export interface Root extends Meta {
  uri: string
  name?: string
}

export type FinalLine =
  | { result: Record<string, unknown> }
  | { error: { code: number; message: string; data?: unknown } }

/** An error that is answered as it is, in every method: the request was wrong, not the function. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

export const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
export const INTERNAL_ERROR = -32603

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
