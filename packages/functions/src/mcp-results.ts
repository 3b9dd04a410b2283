/**
 * The types of MCP that authors use, of protocol version 2026-07-28. The types of the MCP SDK would
 * need the SDK.
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

/** The user's response to a form. */
export type Elicited<Content = unknown> =
  | { action: 'accept'; content: Content }
  | { action: 'decline' | 'cancel' }

/** The parameters of `sampling/createMessage`. */
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

/** The response of the client's model. */
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

/** The last line of a function with the calling contract `mcp`. */
export type FinalLine =
  | { result: Record<string, unknown> }
  | { error: { code: number; message: string; data?: unknown } }
