/**
 * The body of `POST /register`. The server validates with the schemas in schemas.ts;
 * test/schemas.test.ts compares the types. They are written out, so that programs which use the
 * client need neither zod nor its types.
 *
 * @module
 */
import type { Parameters } from './parameters.ts'

interface Icon {
  /** An `https:` or a `data:image/…` URI. */
  src: string
  mimeType?: string | undefined
  /** For example `48x48`, or `any`. */
  sizes?: string[] | undefined
  theme?: 'light' | 'dark' | undefined
}

interface RateLimit {
  /** From 0.001 to 1,000. */
  perSecond: number
  /** How many at once after a pause, from 1 to 10,000. @default what a second admits */
  burst?: number | undefined
}

/** The fields of every type of registration. */
interface Common {
  /** Of 1 to 128 of `A-Z a-z 0-9 _ . -`. */
  name: string
  /** The name for people. */
  title?: string | undefined
  description?: string | undefined
  /** The ARN of the function, its alias or its version. */
  lambdaArn: string
  icons?: Icon[] | undefined
  _meta?: Record<string, unknown> | undefined
  /** How the function is called; see docs/function-authors.md. @default 'arguments' */
  contract?: 'arguments' | 'mcp' | undefined
  /**
   * For a function with tenant isolation: whose calls share its environments. Without it the
   * gateway sends no tenant id.
   */
  tenant?: 'account' | 'principal' | 'session' | undefined
  /** ARNs of roles, users and role sessions, with `*`. @default every IAM caller of the gateway */
  allow?: string[] | undefined
  /** How often each caller may use it. @default no limit of its own */
  rateLimit?: RateLimit | undefined
  /** Who keeps it: a team, a repository, a stack. A pipeline prunes only its own. */
  owner?: string | undefined
}

export interface ToolInput extends Common {
  type: 'tool'
  /** Short form of `inputSchema`, for example `{ city: 'string' }`. */
  parameters?: Parameters | undefined
  /** A JSON Schema with `"type": "object"`, draft 2020-12 or 07. */
  inputSchema?: Record<string, unknown> | undefined
  outputSchema?: Record<string, unknown> | undefined
  /** https://modelcontextprotocol.io/specification/2026-07-28/server/tools */
  annotations?:
    | {
        title?: string | undefined
        readOnlyHint?: boolean | undefined
        destructiveHint?: boolean | undefined
        idempotentHint?: boolean | undefined
        openWorldHint?: boolean | undefined
      }
    | undefined
}

/** Has either `uri` or `uriTemplate`. */
export interface ResourceInput extends Common {
  type: 'resource'
  uri?: string | undefined
  /** A URI template of RFC 6570, for example `notes://{id}`. */
  uriTemplate?: string | undefined
  mimeType?: string | undefined
  /** Bytes. */
  size?: number | undefined
  /** https://modelcontextprotocol.io/specification/2026-07-28/server/resources */
  annotations?:
    | {
        audience?: ('user' | 'assistant')[] | undefined
        /** From 0 to 1. */
        priority?: number | undefined
        /** ISO 8601. */
        lastModified?: string | undefined
      }
    | undefined
}

export interface PromptInput extends Common {
  type: 'prompt'
  /** Short form of `arguments`. */
  parameters?: Parameters | undefined
  arguments?: PromptArgument[] | undefined
}

export interface PromptArgument {
  name: string
  title?: string | undefined
  description?: string | undefined
  required?: boolean | undefined
}

export type RegistrationInput = ToolInput | ResourceInput | PromptInput
