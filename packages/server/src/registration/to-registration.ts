import {
  type JsonSchema,
  type Registration,
  type RegistrationAnswer,
  type RegistrationInput,
  type RegistrationStatus,
  registrationId,
  SAFE_NAME_LENGTH,
  toInputSchema,
  toPromptArguments,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'
import { ANY_ARGUMENTS, clientWarnings } from './client-warnings.ts'

/** The limit of a DynamoDB item is 400 KB (409,600 bytes) with its key and attribute names. */
export const MAX_BYTES = 400_000

type ServerFields = Required<
  Pick<Registration, 'version' | 'createdAt' | 'updatedAt' | 'createdBy' | 'updatedBy'>
>

/**
 * The registration that is stored for an input: with the shorthand expanded and the defaults filled
 * in.
 */
export function toRegistration(input: RegistrationInput, fields: ServerFields): Registration {
  const { version, ...rest } = fields
  const contract = input.contract ?? 'arguments'
  const id = registrationId(input.type, input.name)
  input = { ...input, lambdaArn: withoutLatest(input.lambdaArn) }
  if (input.type === 'tool') {
    const { parameters, inputSchema, ...tool } = input
    const schema = (inputSchema as JsonSchema | undefined) ?? schemaOf(parameters)
    return { id, version, ...tool, inputSchema: schema, contract, ...rest }
  }
  if (input.type === 'prompt') {
    const { parameters, ...prompt } = input
    const fromShorthand = parameters && { arguments: toPromptArguments(parameters) }
    return { id, version, ...prompt, ...fromShorthand, contract, ...rest }
  }
  return { id, version, ...input, contract, ...rest }
}

/** $LATEST is the unqualified function. Lambda has resource policies only for the latter. */
const withoutLatest = (lambdaArn: string) => lambdaArn.replace(/:\$LATEST$/, '')

/**
 * `"parameters": {}` refuses every argument. Without `parameters` all arguments are allowed,
 * because some clients send a dummy argument to a tool that has none.
 */
function schemaOf(parameters: Record<string, unknown> | undefined): JsonSchema {
  return parameters ? toInputSchema(parameters).schema : ANY_ARGUMENTS
}

/** Throws 413. The size is known only after the shorthand is expanded. */
export function assertFits(registration: Registration) {
  const bytes = Buffer.byteLength(JSON.stringify(registration))
  if (bytes <= MAX_BYTES) return
  throw new GatewayError(
    'payload_too_large',
    `"${registration.id}" has ${bytes} bytes, and the table holds at most ${MAX_BYTES}: shorten its schemas or descriptions`,
  )
}

/** What is allowed and causes problems with some clients. */
function warningsOf(registration: Registration): string[] {
  const { type, name, description } = registration
  return [
    ...(type === 'tool' && name.length > SAFE_NAME_LENGTH
      ? [
          `The name has ${name.length} characters; some clients refuse more than ${SAFE_NAME_LENGTH}`,
        ]
      : []),
    ...(description?.trim()
      ? []
      : ['There is no description: add one, since a model chooses by it']),
    ...clientWarnings(registration),
  ]
}

/** The response to a write: with what some clients do not support, and `more`. */
export function withWarnings(
  registration: Registration,
  status: RegistrationStatus,
  more: string[] = [],
): RegistrationAnswer {
  const warnings = [...warningsOf(registration), ...more]
  return { ...registration, status, ...(warnings.length > 0 && { warnings }) }
}
