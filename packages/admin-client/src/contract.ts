/**
 * What crosses the border between the registration API and its clients: the schemas, the types they
 * infer and the error codes. The server validates with these very schemas.
 *
 * @module
 */
import * as z from 'zod'
import { isJsonSchema, type JsonSchema, toInputSchema } from './parameters.ts'

export type { JsonSchema } from './parameters.ts'

/** Every code an error body of the product can carry. A client switches on these, never on messages. */
export type ErrorCode =
  | 'access_denied'
  | 'already_exists'
  | 'bad_request'
  | 'conflict'
  | 'internal_error'
  | 'invalid_registration'
  | 'method_not_allowed'
  | 'not_found'
  | 'payload_too_large'
  | 'rate_limited'
  | 'registration_not_found'
  | 'service_unavailable'
  | 'session_not_found'
  | 'unsupported_media_type'
  | 'version_mismatch'

/** The body of every non-2xx answer outside JSON-RPC. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; requestId?: string; issues?: Issue[] }
}

/** One thing that is wrong with a request body. `path` is a JSON Pointer (RFC 6901). */
export interface Issue {
  path: string
  message: string
}

/** Tool names by SEP-986; the same rule for all three types, since the name is part of a URL. */
export const NAME = /^[A-Za-z0-9_.-]{1,128}$/

/** Some MCP clients cut or refuse longer tool names, so a longer one is accepted with a warning. */
export const SAFE_NAME_LENGTH = 64

/**
 * The parts of a function's ARN, with the qualifier (alias, version) where there is one:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html#awslambda-resources-for-iam-policies
 */
export interface LambdaArn {
  partition: 'aws' | 'aws-cn' | 'aws-us-gov'
  region: string
  accountId: string
  functionName: string
  qualifier?: string
}

const PARTITIONS: readonly string[] = ['aws', 'aws-cn', 'aws-us-gov']

/** Takes an ARN apart, or says in one sentence which part of it is wrong. */
export function parseLambdaArn(arn: string): LambdaArn | string {
  const [
    prefix,
    partition = '',
    service,
    region = '',
    accountId = '',
    kind,
    functionName = '',
    ...rest
  ] = arn.split(':')
  const [qualifier] = rest
  if (prefix !== 'arn')
    return 'is not an ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME is expected'
  if (!PARTITIONS.includes(partition))
    return `has the partition "${partition}": one of ${PARTITIONS.join(', ')} is expected`
  if (service !== 'lambda') return `names the service "${service ?? ''}": lambda is expected`
  if (!/^[a-z]{2,3}(-[a-z]+)+-\d$/.test(region))
    return `has the region "${region}", which is not a region's name`
  if (!/^\d{12}$/.test(accountId))
    return `has the account "${accountId}": twelve digits are expected`
  if (kind !== 'function')
    return `names a ${kind || 'resource without a kind'}: function is expected (layers and event sources cannot be called)`
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(functionName))
    return `has the function name "${functionName}": 1 to 64 letters, digits, "-" or "_" are expected`
  if (rest.length > 1) return 'has more parts than a function ARN with a qualifier has'
  if (qualifier !== undefined && !/^(\$LATEST|[A-Za-z0-9_-]{1,128})$/.test(qualifier))
    return `has the qualifier "${qualifier}": an alias, a version or $LATEST is expected`
  return {
    partition: partition as LambdaArn['partition'],
    region,
    accountId,
    functionName,
    ...(qualifier === undefined ? {} : { qualifier }),
  }
}

const lambdaArn = z.string().superRefine((arn, context) => {
  const parsed = parseLambdaArn(arn)
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed })
})

const principal = z
  .string()
  .regex(
    /^arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}|\*):(user|role)\/.+$|^arn:(aws|aws-cn|aws-us-gov):iam::\d{12}:root$/,
    'is not the ARN of an IAM role or user (arn:aws:iam::123456789012:role/agents-*; "*" matches any characters)',
  )

const json = z.record(z.string(), z.unknown())

const icon = z.strictObject({
  src: z.string().min(1),
  mimeType: z.string().optional(),
  sizes: z.array(z.string()).optional(),
  theme: z.enum(['light', 'dark']).optional(),
})

/** What every type of registration has. */
const common = {
  name: z
    .string()
    .regex(
      NAME,
      'must be 1 to 128 of A-Z a-z 0-9 _ . - (put what people should read into "title")',
    ),
  title: z.string().min(1).optional(),
  description: z.string().optional(),
  lambdaArn,
  icons: z.array(icon).optional(),
  _meta: json.optional(),
  contract: z.enum(['arguments', 'mcp']).optional(),
  allow: z.array(principal).min(1).optional(),
}

const parameters = json.superRefine((value, context) => {
  if (isJsonSchema(value)) return
  for (const issue of toInputSchema(value).issues)
    context.addIssue({ code: 'custom', path: issue.path, message: issue.message })
})

const objectSchema = json.refine(schema => schema['type'] === 'object', {
  message: 'must be a JSON Schema with "type": "object"',
})

export const toolInput = z
  .strictObject({
    type: z.literal('tool'),
    ...common,
    parameters: parameters.optional(),
    inputSchema: objectSchema.optional(),
    outputSchema: objectSchema.optional(),
    annotations: z
      .strictObject({
        title: z.string().optional(),
        readOnlyHint: z.boolean().optional(),
        destructiveHint: z.boolean().optional(),
        idempotentHint: z.boolean().optional(),
        openWorldHint: z.boolean().optional(),
      })
      .optional(),
  })
  .refine(tool => !(tool.parameters && tool.inputSchema), {
    path: ['inputSchema'],
    message: 'cannot stand beside "parameters": give one of the two',
  })

export const resourceInput = z
  .strictObject({
    type: z.literal('resource'),
    ...common,
    uri: z
      .string()
      .refine(uri => URL.canParse(uri), 'must be an absolute URI, for instance notes://today')
      .optional(),
    uriTemplate: z
      .string()
      .regex(
        /^[a-zA-Z][a-zA-Z0-9+.-]*:(?:[^{}\s]|\{[+#./;?&]?[\w.%]+\*?(?:,[\w.%]+\*?)*\})+$/,
        'must be an absolute URI template (RFC 6570), for instance notes://{id}',
      )
      .optional(),
    mimeType: z.string().min(1).optional(),
    size: z.int().nonnegative().optional(),
    annotations: z
      .strictObject({
        audience: z.array(z.enum(['user', 'assistant'])).optional(),
        priority: z.number().min(0).max(1).optional(),
        lastModified: z.string().optional(),
      })
      .optional(),
  })
  .refine(resource => (resource.uri === undefined) !== (resource.uriTemplate === undefined), {
    path: ['uri'],
    message: 'give exactly one of "uri" and "uriTemplate"',
  })

export const promptArgument = z.strictObject({
  name: z.string().min(1),
  title: z.string().optional(),
  description: z.string().optional(),
  required: z.boolean().optional(),
})

export const promptInput = z
  .strictObject({
    type: z.literal('prompt'),
    ...common,
    parameters: parameters.optional(),
    arguments: z.array(promptArgument).optional(),
  })
  .refine(prompt => !(prompt.parameters && prompt.arguments), {
    path: ['arguments'],
    message: 'cannot stand beside "parameters": give one of the two',
  })

/** What an administrator sends: `POST /register`. */
export const registrationInput = z.discriminatedUnion('type', [
  toolInput,
  resourceInput,
  promptInput,
])

export type ToolInput = z.infer<typeof toolInput>
export type ResourceInput = z.infer<typeof resourceInput>
export type PromptInput = z.infer<typeof promptInput>
export type RegistrationInput = z.infer<typeof registrationInput>
export type RegistrationType = RegistrationInput['type']
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

/** A registration as `POST` and `PUT` answer it. */
export type RegistrationAnswer = Registration & { warnings?: string[] }

/** One page of `GET /register`, sorted by type and name. */
export interface RegistrationPage {
  items: Registration[]
  /** Give it as `?cursor=` to get the next page; absent on the last one. */
  nextCursor?: string
}

export const registrationId = (type: RegistrationType, name: string): string => `${type}-${name}`

/** The type and name in an id, or undefined where it is not one. */
export function parseRegistrationId(
  id: string,
): { type: RegistrationType; name: string } | undefined {
  const [, type, name] = /^(tool|resource|prompt)-(.+)$/.exec(id) ?? []
  return type && name && NAME.test(name) ? { type: type as RegistrationType, name } : undefined
}

export { toInputSchema, toPromptArguments } from './parameters.ts'
