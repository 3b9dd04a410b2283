/**
 * The zod schemas of registrations. The server validates with them.
 *
 * @module
 */
import * as z from 'zod'

import { parseLambdaArn } from './arn.ts'
import { NAME } from './id.ts'
import { OWNER, OWNER_RULE } from './owner.ts'
import { type Parameters, toInputSchema } from './parameters.ts'
import { parsePrincipalPattern } from './principal-pattern.ts'

const lambdaArn = z.string().superRefine((arn, context) => {
  const parsed = parseLambdaArn(arn)
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed })
})

const principal = z.string().superRefine((text, context) => {
  const parsed = parsePrincipalPattern(text)
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed })
})

const json = z.record(z.string(), z.unknown())

const icon = z.strictObject({
  src: z.string().regex(/^(https?:|data:image\/)/i, 'must be an https: or a data:image/… URI'),
  mimeType: z.string().optional(),
  sizes: z.array(z.string()).optional(),
  theme: z.enum(['light', 'dark']).optional(),
})

export const registrationName = z
  .string()
  .regex(NAME, 'must be 1 to 128 of A-Z a-z 0-9 _ . - (put the name for people into "title")')

/** The fields of every type of registration. */
const common = {
  name: registrationName,
  title: z.string().min(1).optional(),
  description: z.string().optional(),
  lambdaArn,
  icons: z.array(icon).optional(),
  _meta: json.optional(),
  contract: z.enum(['arguments', 'mcp']).optional(),
  tenant: z.enum(['account', 'principal', 'session']).optional(),
  allow: z.array(principal).min(1).max(200).optional(),
  rateLimit: z
    .strictObject({
      perSecond: z.number().min(0.001).max(1_000),
      burst: z.int().min(1).max(10_000).optional(),
    })
    .optional(),
  owner: z.string().regex(OWNER, OWNER_RULE).optional(),
}

/** The type says what the check accepts, so that a wrong short form does not compile. */
const parameters = json.superRefine((value, context) => {
  for (const issue of toInputSchema(value).issues) context.addIssue({ code: 'custom', ...issue })
}) as unknown as z.ZodType<Parameters, Parameters>

const objectSchema = json.refine(schema => schema['type'] === 'object', {
  message: 'must be a JSON Schema with "type": "object"',
})

export const toolFields = {
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
}

/** A rule between fields, as the arguments of `refine`. */
export type Rule = [
  isKept: (value: { [field: string]: unknown }) => boolean,
  problem: { path: string[]; message: string },
]

export const ONE_INPUT_SCHEMA: Rule = [
  tool => !(tool['parameters'] && tool['inputSchema']),
  {
    path: ['inputSchema'],
    message: 'cannot be combined with "parameters": give one of the two',
  },
]

export const toolInput = z
  .strictObject({ type: z.literal('tool'), ...toolFields })
  .refine(...ONE_INPUT_SCHEMA)

export const resourceFields = {
  ...common,
  uri: z
    .string()
    .max(2048)
    .refine(
      uri => /^\S+$/.test(uri) && URL.canParse(uri),
      'must be an absolute URI, for instance notes://today',
    )
    .optional(),
  // The server also refuses templates of RFC 6570 that it cannot match.
  uriTemplate: z
    .string()
    .max(2048)
    .regex(
      /^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/,
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
}

export const ONE_URI: Rule = [
  resource => (resource['uri'] === undefined) !== (resource['uriTemplate'] === undefined),
  { path: ['uri'], message: 'give exactly one of "uri" and "uriTemplate"' },
]

export const resourceInput = z
  .strictObject({ type: z.literal('resource'), ...resourceFields })
  .refine(...ONE_URI)

export const promptArgument = z.strictObject({
  name: z.string().min(1),
  title: z.string().optional(),
  description: z.string().optional(),
  required: z.boolean().optional(),
})

export const promptFields = {
  ...common,
  parameters: parameters.optional(),
  arguments: z
    .array(promptArgument)
    .refine(list => new Set(list.map(({ name }) => name)).size === list.length, {
      message: 'must not name an argument twice',
    })
    .optional(),
}

export const ONE_ARGUMENT_LIST: Rule = [
  prompt => !(prompt['parameters'] && prompt['arguments']),
  { path: ['arguments'], message: 'cannot be combined with "parameters": give one of the two' },
]

export const promptInput = z
  .strictObject({ type: z.literal('prompt'), ...promptFields })
  .refine(...ONE_ARGUMENT_LIST)

/** The body of `POST /register`. */
export const registrationInput = z.discriminatedUnion('type', [
  toolInput,
  resourceInput,
  promptInput,
])
