// The calling contracts, as `npm run fuzz` uses them: see test/fuzz/outputs.mjs. The package does
// not export them.
import type { Prompt, Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { isInputRequiredResult, ProtocolError, specTypeSchemas } from '@modelcontextprotocol/server'

import {
  toPromptResult,
  toReadResult,
  toToolOutput,
} from '../../src/invoker/contracts/arguments.ts'
import {
  type NotificationHandlers,
  resultOf as outputOf,
  type Results,
} from '../../src/invoker/contracts/mcp.ts'
import { fitToClient } from '../../src/invoker/contracts/structured-content.ts'
import type { Outcome } from '../../src/invoker/invoker.ts'
import { JsonRpcError } from '../../src/jsonrpc-error.ts'

const stored = {
  name: 'fuzz',
  lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:fuzz',
  contract: 'arguments',
  version: 1,
  createdAt: '2026-11-26T00:00:00.000Z',
  updatedAt: '2026-11-26T00:00:00.000Z',
  createdBy: 'arn:aws:iam::000000000000:user/fuzz',
} as const
const resource = { ...stored, type: 'resource', id: 'resource-fuzz', uri: 'x://y' } as Resource
const prompt = { ...stored, type: 'prompt', id: 'prompt-fuzz', arguments: [] } as unknown as Prompt

/** The result of a function with the calling contract `mcp`, for a client before 2026-07-28. */
export async function resultOf(
  method: keyof Results,
  body: AsyncIterable<Uint8Array>,
  handlers: NotificationHandlers,
): Promise<unknown> {
  if (method !== 'tools/call') return outputOf(method, body, handlers)
  const output = await outputOf(method, body, handlers)
  return isInputRequiredResult(output) ? output : fitToClient(output, false)
}

/** The result of a function with the calling contract `arguments`. */
export async function resultOfOutput(method: keyof Results, outcome: Outcome): Promise<unknown> {
  if (method === 'tools/call') return fitToClient(await toToolOutput(outcome), false)
  if (method === 'resources/read') return toReadResult(outcome, 'x://y', resource)
  return toPromptResult(outcome, prompt)
}

/** What is wrong with a result, as the client of a function sees it. */
export function problemsOf(name: ResultName, value: unknown): string | undefined {
  if (isInputRequiredResult(value)) return undefined
  const { issues } = specTypeSchemas[name]['~standard'].validate(value) as { issues?: object[] }
  return issues && JSON.stringify(issues.slice(0, 3))
}

type ResultName = 'CallToolResult' | 'ReadResourceResult' | 'GetPromptResult' | 'CompleteResult'

/** The errors that the calling contracts throw for a function that fails. */
export const isExpectedError = (error: unknown): error is ProtocolError | JsonRpcError =>
  error instanceof ProtocolError || error instanceof JsonRpcError
