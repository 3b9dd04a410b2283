import {
  type JsonSchema,
  type Registration,
  type RegistrationInput,
  registrationId,
  SAFE_NAME_LENGTH,
  toInputSchema,
  toPromptArguments,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'

/** A DynamoDB item holds 400 KB (409,600 bytes); this leaves room for the key and the names. */
export const MAX_BYTES = 400_000

type Stamps = Pick<Registration, 'version' | 'createdAt' | 'updatedAt' | 'createdBy'>

/** What is kept of what was sent: the shorthand written out, defaults filled in. */
export function toStored(input: RegistrationInput, stamps: Stamps): Registration {
  const { version, ...rest } = stamps
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

/** The same function, and the one that can be granted: Lambda takes no policy for $LATEST. */
const withoutLatest = (lambdaArn: string) => lambdaArn.replace(/:\$LATEST$/, '')

/**
 * `"parameters": {}` says that there are none, and any argument is refused. Where nothing is said, any is
 * passed on: some clients send a dummy to a tool that has none.
 */
function schemaOf(parameters: Record<string, unknown> | undefined): JsonSchema {
  return parameters ? toInputSchema(parameters).schema : { type: 'object', properties: {} }
}

/** Or 413. The shorthand grows when it is written out, so this is not known before. */
export function assertFits(registration: Registration) {
  const bytes = Buffer.byteLength(JSON.stringify(registration))
  if (bytes <= MAX_BYTES) return
  throw new GatewayError(
    'payload_too_large',
    `The registration has ${bytes} bytes; at most ${MAX_BYTES} fit into the table`,
  )
}

/** What is allowed, and will bring trouble with some clients. */
export function warningsOf(registration: Registration): string[] {
  const { type, name, description } = registration
  return [
    ...(type === 'tool' && name.length > SAFE_NAME_LENGTH
      ? [
          `The name has ${name.length} characters; some clients refuse more than ${SAFE_NAME_LENGTH}`,
        ]
      : []),
    ...(description?.trim() ? [] : ['There is no description: a model has only the name to go by']),
  ]
}
