import type { Call, Context } from './context.ts'
import type { Registrations } from './registration.ts'

/** The common form of `defineTool`, `defineResource` and `definePrompt`. */
export interface Definition {
  type: Call['type']
  name: string
  method: 'tools/call' | 'resources/read' | 'prompts/get'
  /** Runs the author's code once. Resolves with the MCP result. */
  run(params: Record<string, unknown>, ctx: Context, event: McpEvent): Promise<object>
  complete: Completions | undefined
  /** Whether the responses to a question can be used once. */
  singleUse?: boolean | undefined
  /** The MCP result for an error of the author's code. Absent: a JSON-RPC error. */
  toErrorResult?(message: string): object
  /** The registration without the fields that an administrator chooses. */
  describe(): object & Partial<Registrations[Call['type']]>
}

/** By argument or variable: the values to offer for what the user has typed so far. */
export type Completions = Record<
  string,
  (
    value: string,
    call: Call & {
      /** The arguments or variables that already have a value. */
      readonly arguments: Record<string, string>
    },
  ) => readonly string[] | Promise<readonly string[]>
>

/** The event of a function with the calling contract `mcp`. */
export interface McpEvent {
  method: string
  params: Record<string, unknown>
  context: Call & { variables?: Record<string, string | string[]> }
}
