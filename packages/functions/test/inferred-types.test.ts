import type {
  PromptInput,
  ResourceInput,
  ToolInput,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type {
  CallToolResult,
  GetPromptResult,
  ReadResourceResult,
} from '@modelcontextprotocol/server'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

import {
  definePrompt,
  defineResource,
  defineTool,
  type JsonSchema,
  type PromptResult,
  type ReadResult,
  type ToolResult,
  testFunction,
} from '../src/index.ts'
import type { Registrations } from '../src/registration.ts'

// The compiler checks these. They test nothing at run time.

test('a registration of describe has all fields of the registration API, with their types', () => {
  type Tool = Registrations['tool']
  type Resource = Registrations['resource']
  type Prompt = Registrations['prompt']
  expectTypeOf<Tool>().toExtend<ToolInput>()
  expectTypeOf<Resource>().toExtend<ResourceInput>()
  expectTypeOf<Prompt>().toExtend<PromptInput>()
  expectTypeOf<Omit<ToolInput, Own>>().toExtend<Omit<Tool, Own>>()
  expectTypeOf<Omit<ResourceInput, Own>>().toExtend<Omit<Resource, Own>>()
  expectTypeOf<Omit<PromptInput, Own>>().toExtend<Omit<Prompt, Own>>()
  expectTypeOf<keyof ToolInput>().toEqualTypeOf<keyof Tool | 'parameters' | OfThePipeline>()
  expectTypeOf<keyof ResourceInput>().toEqualTypeOf<keyof Resource | OfThePipeline>()
  expectTypeOf<keyof PromptInput>().toEqualTypeOf<keyof Prompt | 'parameters' | OfThePipeline>()
})

/** The pipeline that registers gives these, not the function. */
type OfThePipeline = 'owner' | 'rateLimit' | 'tenant'

/** `describe` always writes these. The API has defaults for them. */
type Own = 'contract' | 'inputSchema' | 'parameters'

test('a tool gets the output of its schema, and testFunction takes the input', () => {
  const zod = defineTool({
    name: 'it',
    input: z.object({ at: z.string().transform(Number), days: z.number().default(3) }),
    run: args => expectTypeOf(args).toEqualTypeOf<{ at: number; days: number }>(),
  })
  expectTypeOf(testFunction(zod, { at: '1' }))
  // @ts-expect-error "at" is a string where it is sent
  const wrong = () => testFunction(zod, { at: 1 })
  expectTypeOf(wrong).toBeFunction()

  defineTool({
    name: 'it',
    input: toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.number(), 3) })),
    run: args => expectTypeOf(args).toEqualTypeOf<{ city: string; days: number }>(),
  })
  defineTool({
    name: 'it',
    run: args => expectTypeOf(args).toEqualTypeOf<Record<string, unknown>>(),
  })
})

test('the arguments are inferred from a JSON Schema literal, or named, or unknown', () => {
  defineTool({
    name: 'it',
    input: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        unit: { enum: ['C', 'F'] },
        days: { type: 'array', items: { type: 'integer' } },
        place: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] },
        free: {},
      },
      required: ['city', 'days'],
    },
    run: args =>
      expectTypeOf(args).toEqualTypeOf<{
        city: string
        days: number[]
        unit?: 'C' | 'F'
        place?: { x: number }
        free?: unknown
      }>(),
  })
  const loaded: Record<string, unknown> = { type: 'object' }
  defineTool({
    name: 'it',
    input: loaded,
    run: args => expectTypeOf(args).toEqualTypeOf<Record<string, unknown>>(),
  })
  defineTool({
    name: 'it',
    input: loaded as JsonSchema<{ city: string }>,
    run: args => expectTypeOf(args).toEqualTypeOf<{ city: string }>(),
  })
})

test('a tool returns the input of its output schema', () => {
  const output = z.object({ at: z.date().transform(it => it.toISOString()) })
  defineTool({ name: 'it', output, run: () => ({ at: new Date() }) })
  defineTool({ name: 'it', output, run: async () => ({ content: [] }) })
  // @ts-expect-error "at" is a Date where it is returned
  defineTool({ name: 'it', output, run: () => ({ at: 'now' }) })
  const properties = { n: { type: 'number' } } as const
  const json = { type: 'object', properties, required: ['n'] } as const
  defineTool({ name: 'it', output: json, run: () => ({ n: 1 }) })
  // @ts-expect-error "n" is a number
  defineTool({ name: 'it', output: json, run: () => ({ n: '1' }) })
})

test('the content of a form has the type of its schema', () => {
  defineTool({
    name: 'it',
    async run(_, ctx) {
      const bare = await ctx.elicit('a', { message: '?' })
      expectTypeOf(bare.action).toEqualTypeOf<'accept' | 'decline' | 'cancel'>()
      const zod = await ctx.elicit('b', { message: '?', schema: z.object({ n: z.number() }) })
      if (zod.action === 'accept') expectTypeOf(zod.content).toEqualTypeOf<{ n: number }>()
      const json = await ctx.elicit('c', {
        message: '?',
        schema: { type: 'object', properties: { sure: { type: 'boolean' } }, required: ['sure'] },
      })
      if (json.action === 'accept') expectTypeOf(json.content).toEqualTypeOf<{ sure: boolean }>()
      // @ts-expect-error there is no content unless it was accepted
      json.content
      const optional = { type: 'object', properties: { it: { type: 'string' } } } as const
      const loose = await ctx.elicit('d', { message: '?', schema: optional })
      if (loose.action === 'accept') expectTypeOf(loose.content).toEqualTypeOf<{ it?: string }>()
      expectTypeOf(ctx.once('e', async () => 1)).toEqualTypeOf<Promise<number>>()
    },
  })
})

test('the variables are inferred from the URI template', () => {
  const notes = defineResource({
    name: 'it',
    uriTemplate: 'notes://{user}/{+path*}{?q,page}',
    read: (_, variables) =>
      expectTypeOf(variables).toEqualTypeOf<{
        user: string
        path: string | string[]
        q: string
        page: string
      }>(),
  })
  // @ts-expect-error "q" is missing
  const wrong = () => testFunction(notes, { uri: '', variables: { user: '', path: '', page: '' } })
  expectTypeOf(wrong).toBeFunction()
  const template: string = 'notes://{id}'
  defineResource({
    name: 'it',
    uriTemplate: template,
    read: (_, variables) =>
      expectTypeOf(variables).toEqualTypeOf<Record<string, string | string[]>>(),
  })
  // @ts-expect-error either one URI or a template
  defineResource({ name: 'it', uri: 'a://b', uriTemplate: 'a://{b}', read: () => '' })
})

test('the arguments of a prompt are strings, or the output of its schema', () => {
  definePrompt({
    name: 'it',
    arguments: [{ name: 'topic', required: true }, { name: 'audience' }],
    get(args) {
      expectTypeOf(args.topic).toEqualTypeOf<string>()
      expectTypeOf(args.audience).toEqualTypeOf<string | undefined>()
      // @ts-expect-error there is no such argument
      args.other
    },
  })
  const prompt = definePrompt({
    name: 'it',
    arguments: z.object({ days: z.coerce.number<string>() }),
    get: args => expectTypeOf(args).toEqualTypeOf<{ days: number }>(),
  })
  expectTypeOf(testFunction(prompt, { days: '3' }))
})

test('the result types extend those of the MCP SDK', () => {
  // The types of the SDK allow more properties.
  type Open = Record<string, unknown>
  expectTypeOf<ToolResult & Open>().toExtend<CallToolResult>()
  expectTypeOf<ReadResult & Open>().toExtend<ReadResourceResult>()
  expectTypeOf<PromptResult & Open>().toExtend<GetPromptResult>()
})
