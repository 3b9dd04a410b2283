/**
 * What crosses the border between the registration API and its clients: types, ids, error codes.
 * The types are those of schemas.ts, with which the server validates; that file is apart because
 * building its schemas takes milliseconds of a cold start, and the gateway needs none of them.
 *
 * @module
 */
import type * as z from 'zod'

import type { JsonSchema } from './parameters.ts'
import type {
  promptArgument,
  promptInput,
  registrationInput,
  resourceInput,
  toolInput,
} from './schemas.ts'

export { type LambdaArn, parseLambdaArn } from './arn.ts'
export {
  parseRegistrationId,
  type RegistrationType,
  registrationId,
  SAFE_NAME_LENGTH,
  TYPES,
} from './id.ts'
export { isJsonSchema, type JsonSchema, toInputSchema, toPromptArguments } from './parameters.ts'

/**
 * Every code an error body of the product can carry. A client switches on these, never on messages.
 */
export const ERROR_CODES = [
  'access_denied',
  'already_exists',
  'bad_request',
  'conflict',
  'internal_error',
  'invalid_registration',
  'method_not_allowed',
  'not_found',
  'payload_too_large',
  'rate_limited',
  'registration_not_found',
  'service_unavailable',
  'session_not_found',
  'unsupported_media_type',
  'version_mismatch',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** The body of every non-2xx answer outside JSON-RPC. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; requestId?: string; issues?: Issue[] }
}

/** One thing that is wrong with a request body. `path` is a JSON Pointer (RFC 6901). */
export interface Issue {
  path: string
  message: string
}

export type ToolInput = z.infer<typeof toolInput>
export type ResourceInput = z.infer<typeof resourceInput>
export type PromptInput = z.infer<typeof promptInput>
export type RegistrationInput = z.infer<typeof registrationInput>
export type PromptArgument = z.infer<typeof promptArgument>

/** What the server adds, and a `PUT` of an answer may carry along unchanged. */
interface Stored {
  /** `<type>-<name>` */
  id: string
  /** Counts the writes from 1; the ETag of `If-Match`. */
  version: number
  /** ISO 8601, UTC. */
  createdAt: string
  updatedAt: string
  /** The ARN of the IAM principal that made the registration. */
  createdBy: string
}

export type Tool = Omit<ToolInput, 'parameters' | 'inputSchema' | 'contract'> &
  Stored & { inputSchema: JsonSchema; contract: Contract }
export type Resource = Omit<ResourceInput, 'contract'> & Stored & { contract: Contract }
export type Prompt = Omit<PromptInput, 'parameters' | 'contract'> & Stored & { contract: Contract }
export type Registration = Tool | Resource | Prompt
/** How the function is called; see docs/function-authors.md. */
export type Contract = 'arguments' | 'mcp'

/** A registration as it is answered one at a time, not in a list. */
export type RegistrationAnswer<Type extends Registration = Registration> = Type & {
  status: RegistrationStatus
  /** After a write: what some clients will have trouble with, and what could not be taken back. */
  warnings?: string[]
}

/**
 * Whether the gateway may invoke the function behind a registration, as far as the registration
 * function can see.
 */
export type RegistrationStatus =
  /** The function's resource policy lets the gateway's role invoke it. */
  { state: 'ready' } | NotReady

export interface NotReady {
  /**
   * - `not_granted`: the policy does not let the gateway in.
   * - `function_not_found`: there is no such function, or not this alias or version of it.
   * - `other_account`: both accounts have to allow it, and neither can be done or seen from here.
   * - `unknown`: Lambda did not tell; trying again is what helps.
   */
  state: 'not_granted' | 'function_not_found' | 'other_account' | 'unknown'
  /** What is missing and what to do, for people. */
  message: string
  /**
   * Commands of the AWS CLI that mend it, in this order; none where there is nothing but to try
   * again.
   */
  fix: string[]
  /** Of `other_account`: what each of the two sides has to allow. */
  policies?: {
    /** In the resource policy of the function, which its owner changes. */
    function: PolicyDocument
    /** In an identity policy of the gateway's role. */
    role: PolicyDocument
  }
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
export interface PolicyDocument {
  Version: '2012-10-17'
  Statement: Record<string, unknown>[]
}

/** What `DELETE` answers with 200 where something is left to do; with 204 there is nothing. */
export interface Removal {
  /** What could not be taken back, and how to do that. */
  warnings: string[]
}

/** One page of `GET /register`, sorted by type and name. */
export interface RegistrationPage {
  items: Registration[]
  /** Give it as `?cursor=` to get the next page; absent on the last one. */
  nextCursor?: string
}

/** What `POST /register/{id}/updated` answers: the content at this URI was announced as changed. */
export interface Announcement {
  uri: string
}
