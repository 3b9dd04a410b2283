import { definitionOf, type FunctionOf } from './handler.ts'
import type { Registrations } from './registration.ts'

/** The fields of a registration that depend on the deployment. */
export interface DescribeOptions {
  lambdaArn: string
  /** ARNs of roles, users and role sessions, with `*`. Default: every IAM caller of the gateway. */
  allow?: string[]
}

/**
 * The registration of a function: the body of `POST /register`, and the argument of `registerTool`,
 * `registerResource` and `registerPrompt`. Throws a `TypeError` with the fix if a schema cannot be
 * converted to JSON Schema.
 */
export function describe<Type extends keyof Registrations>(
  handler: FunctionOf<Type>,
  { lambdaArn, allow }: DescribeOptions,
): Registrations[Type] {
  const definition = definitionOf(handler)
  const { type, name } = definition
  const registration = { type, name, ...definition.describe(), contract: 'mcp', lambdaArn, allow }
  // The value after a JSON round trip: without undefined fields, and with an error for a BigInt.
  return JSON.parse(JSON.stringify(registration))
}
