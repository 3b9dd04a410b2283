import type {
  PromptInput,
  ResourceInput,
  ToolInput,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type FunctionOf, itemOf } from './handler.ts'

/** What an author does not know: where the function is deployed, and who may use it. */
export interface DescribeOptions {
  lambdaArn: string
  /** IAM roles and users, with `*`; every caller of the gateway where it is left out. */
  allow?: string[]
}

interface Inputs {
  tool: ToolInput
  resource: ResourceInput
  prompt: PromptInput
}

/**
 * The registration of a function: the body of `POST /register`, or what `registerTool` and its siblings take. Throws a
 * `TypeError` with the fix where a schema cannot be written as JSON Schema.
 */
export function describe<Type extends keyof Inputs>(
  handler: FunctionOf<Type>,
  { lambdaArn, allow }: DescribeOptions,
): Inputs[Type] {
  const { type, name, ...item } = itemOf(handler)
  const registration = { type, name, ...item.describe(), contract: 'mcp', lambdaArn, allow }
  // As it will arrive: without what is undefined, and an error here for what JSON cannot say.
  return JSON.parse(JSON.stringify(registration))
}
