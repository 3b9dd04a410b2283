/**
 * What the registration API and its clients share: types, ids, error codes. The schemas with which
 * the server validates have a file of their own: building them takes milliseconds of a cold start.
 *
 * @module
 */
import type { JsonSchema } from './parameters.ts'
import type {
  PromptArgument,
  PromptInput,
  RegistrationInput,
  ResourceInput,
  ToolInput,
} from './registration-input.ts'

export { type LambdaArn, parseLambdaArn } from './arn.ts'
export {
  parseRegistrationId,
  type RegistrationType,
  registrationId,
  SAFE_NAME_LENGTH,
  TYPES,
} from './id.ts'
export { isJsonSchema, type JsonSchema, toInputSchema, toPromptArguments } from './parameters.ts'
export { dnsSuffixes, dnsSuffixOf, isPartition } from './partitions.ts'
export { type PrincipalPattern, parsePrincipalPattern } from './principal-pattern.ts'

/** Every `error.code` in a response of the product. Clients compare these, never messages. */
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

/** The body of every response without success, except in JSON-RPC. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; requestId?: string; issues?: Issue[] }
}

/** One fault of a request body. `path` is a JSON Pointer (RFC 6901). */
export interface Issue {
  path: string
  message: string
}

export type { PromptArgument, PromptInput, RegistrationInput, ResourceInput, ToolInput }

/** The fields that the server adds. A `PUT` may send them back; they are ignored. */
interface Stored {
  /** `<type>-<name>` */
  id: string
  /** The registry version of this registration, from 1; the ETag of `If-Match`. */
  version: number
  /** ISO 8601, UTC. */
  createdAt: string
  updatedAt: string
  /** The ARN of the IAM principal that made the registration. */
  createdBy: string
  /** The ARN of the IAM principal of the last write. Absent where an older version wrote it. */
  updatedBy?: string
}

export type Tool = Omit<ToolInput, 'parameters' | 'inputSchema' | 'contract'> &
  Stored & { inputSchema: JsonSchema; contract: Contract }
export type Resource = Omit<ResourceInput, 'contract'> & Stored & { contract: Contract }
export type Prompt = Omit<PromptInput, 'parameters' | 'contract'> & Stored & { contract: Contract }
export type Registration = Tool | Resource | Prompt
/** The calling contract of the function; see docs/function-authors.md. */
export type Contract = 'arguments' | 'mcp'

/** A registration with its status, as every response about one registration has it. */
export type RegistrationAnswer<Type extends Registration = Registration> = Type & {
  status: RegistrationStatus
  /**
   * After a write: what some clients do not support, and an invoke permission that was not removed.
   * After every read: what the registration holds that would be refused today.
   */
  warnings?: string[]
  /**
   * After a write: why the configuration of the function was not compared with the registration.
   * `not_granted`: the stack has no right to read it (parameter ReadConfiguration), or the
   * function is in another account. Absent where it was compared.
   */
  configuration?: 'not_granted' | 'unknown'
  /** After a write, or what it would be with `?dryRun=true`. */
  change?: 'created' | 'updated' | 'unchanged' | 'deleted'
  /** With `?dryRun=true`, for `updated`. */
  changes?: ContentChange[]
  /** With `?dryRun=true`: the invoke permission would be added. */
  grants?: true
  /** Nothing was changed. */
  dryRun?: true
}

/**
 * One difference of content. `path` is a JSON Pointer. Values of more than 200 characters are cut.
 */
export interface ContentChange {
  path: string
  /** Absent where the field is new. */
  from?: unknown
  /** Absent where the field is removed. */
  to?: unknown
}

/** One change of a `POST /register:batch`. */
export type BatchChange = {
  /** The version that must be stored, or `*` for any. Otherwise the whole batch is refused. */
  ifMatch?: number | '*'
} & (
  | {
      put: RegistrationInput
      /** Only creates. */
      ifNoneMatch?: '*'
    }
  /** An id. */
  | { delete: string }
)

/** The body of a response to `POST /register:batch`, with one result for each change, in order. */
export interface BatchResponse {
  results: BatchResult[]
  dryRun?: true
}

export interface BatchResult {
  id: string
  /** `unchanged`: it was so already. `failed`: see `error`; this change was not made. */
  change: 'created' | 'updated' | 'deleted' | 'unchanged' | 'failed'
  /** The version that is stored. With `?dryRun=true` the one that would be replaced. */
  version?: number
  status?: RegistrationStatus
  warnings?: string[]
  /** With `?dryRun=true`, for `updated`. */
  changes?: ContentChange[]
  /** With `?dryRun=true`: the invoke permission would be added. */
  grants?: true
  /**
   * With `?dryRun=true`, for `unchanged`: an interrupted call has left an invoke permission that
   * would be removed.
   */
  revokes?: true
  error?: { code: ErrorCode; message: string }
}

/** Whether the gateway may invoke the function, as far as the registration function can see. */
export type RegistrationStatus =
  /** The resource policy of the function allows the role of the gateway. */
  { state: 'ready' } | NotReady

export interface NotReady {
  /**
   * - `missing`: the resource policy of the function has no statement for the role of the gateway,
   *   for example because the policy was replaced.
   * - `not_granted`: the statement cannot be added, or names a role that was deleted.
   * - `function_not_found`: the function, or its alias or version, does not exist.
   * - `other_account`: both accounts have to allow the call; the API can neither do nor see that.
   * - `unknown`: Lambda gave no information. Try again.
   */
  state: 'missing' | 'not_granted' | 'function_not_found' | 'other_account' | 'unknown'
  /** What is missing and what to do, as text for people. */
  message: string
  /** AWS CLI commands that fix it, in order. Empty where only another attempt helps. */
  fix: string[]
  /** For `other_account`: the policies that the two accounts need. */
  policies?: {
    /** For the resource policy of the function; its owner adds it. */
    function: PolicyDocument
    /** For an identity policy of the role of the gateway. */
    role: PolicyDocument
  }
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
export interface PolicyDocument {
  Version: '2012-10-17'
  Statement: Record<string, unknown>[]
}

/** The body of a `DELETE` with status 200. With 204 there is no body and no warning. */
export interface Removal {
  /** Invoke permissions that could not be removed, and how to remove them. */
  warnings: string[]
}

/** One page of `GET /register`, sorted by type and name. */
export interface RegistrationPage {
  items: Registration[]
  /** The `?cursor=` of the next page. Absent on the last page. */
  nextCursor?: string
}

/** The body of `POST /register/{id}/updated`: the update of this URI was accepted. */
export interface ResourceUpdate {
  uri: string
  /** Nothing was announced. */
  dryRun?: true
}
