/**
 * For authors of functions with the calling contract `mcp`. It is part of each function's
 * bundle, so it has no dependency: no AWS SDK, no MCP SDK, no module of Node.
 *
 * @module
 */

export type { Call, Caller, Context, IamCaller, LambdaContext, LogLevel } from './context.ts'
export { type DescribeOptions, describe } from './describe.ts'
export type { FunctionOf } from './handler.ts'
export type {
  ContentBlock,
  Elicited,
  PromptResult,
  ReadResult,
  Root,
  Sample,
  ToolResult,
} from './mcp-results.ts'
export { definePrompt, type PromptDefinition } from './prompt.ts'
export { defineResource, type ResourceDefinition } from './resource.ts'
export type { JsonSchema, Schema, StandardSchema } from './schema.ts'
export { type Tested, type TestOptions, testFunction } from './test-function.ts'
export { defineTool, type ToolDefinition } from './tool.ts'
