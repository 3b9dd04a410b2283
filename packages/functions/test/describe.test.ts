import { toInputSchema } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { registrationInput } from '@markvp/mcp-lambda-sam-admin-client/schemas'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'

import { definePrompt, defineResource, defineTool, describe } from '../src/index.ts'

const lambdaArn = 'arn:aws:lambda:eu-west-1:123456789012:function:it'
const allow = ['arn:aws:iam::123456789012:role/agents-*']
const run = () => undefined

/** Validates with the schemas of the registration API. */
function accepted(registration: object) {
  expect(registrationInput.parse(registration)).toEqual(registration)
  return registration
}

test('the registration of a tool has all fields of its definition', () => {
  const icons = [{ src: 'https://example.com/a.png' }]
  const tool = defineTool({
    name: 'forecast',
    title: 'Forecast',
    description: 'Weather',
    input: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    output: { type: 'object', properties: { degrees: { type: 'number' } } },
    annotations: { readOnlyHint: true },
    icons,
    _meta: { a: 1 },
    run: () => ({}),
  })
  expect(accepted(describe(tool, { lambdaArn, allow }))).toEqual({
    type: 'tool',
    name: 'forecast',
    title: 'Forecast',
    description: 'Weather',
    contract: 'mcp',
    lambdaArn,
    allow,
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    outputSchema: { type: 'object', properties: { degrees: { type: 'number' } } },
    annotations: { readOnlyHint: true },
    icons,
    _meta: { a: 1 },
  })
})

test('the registration has no undefined fields, but a tool always has a schema', () => {
  expect(accepted(describe(defineTool({ name: 'it', run }), { lambdaArn }))).toEqual({
    type: 'tool',
    name: 'it',
    contract: 'mcp',
    lambdaArn,
    inputSchema: { type: 'object', properties: {} },
  })
})

test('converts a zod schema to the JSON Schema of the sent arguments and the returned value', () => {
  const tool = defineTool({
    name: 'it',
    input: z.object({ n: z.string().transform(Number), days: z.int().min(1).max(9).default(3) }),
    output: z.object({ at: z.string().default('now') }),
    run: () => ({}),
  })
  expect(accepted(describe(tool, { lambdaArn }))).toMatchObject({
    inputSchema: {
      type: 'object',
      properties: { n: { type: 'string' }, days: { type: 'integer', default: 3 } },
      required: ['n'],
    },
    outputSchema: { type: 'object', required: ['at'] },
  })
})

test('accepts a union of objects', () => {
  const input = z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])
  const registration = describe(defineTool({ name: 'it', input, run }), { lambdaArn })
  expect(accepted(registration)).toMatchObject({ inputSchema: { type: 'object', anyOf: [{}, {}] } })
})

test('names the package that valibot needs for JSON Schema', () => {
  const schema = v.object({ city: v.string() })
  const bare = defineTool({ name: 'it', input: schema, run })
  expect(() => describe(bare, { lambdaArn })).toThrow(
    /The input of "it" .*valibot.*toStandardJsonSchema of @valibot\/to-json-schema, or give the JSON Schema in "inputSchema"/,
  )
  const wrapped = defineTool({ name: 'it', input: toStandardJsonSchema(schema), run })
  expect(accepted(describe(wrapped, { lambdaArn }))).toMatchObject({
    inputSchema: { properties: { city: { type: 'string' } }, required: ['city'] },
  })
})

test('throws an error with a working fix for a schema that JSON Schema cannot express', () => {
  const input = z.object({ at: z.date() })
  expect(() => describe(defineTool({ name: 'it', input, run }), { lambdaArn })).toThrow(
    /The input of "it" .*Date.*"inputSchema"/,
  )
  const output = input
  const returning = defineTool({ name: 'it', output, run: () => ({ at: new Date() }) })
  expect(() => describe(returning, { lambdaArn })).toThrow(/The output of "it" .*"outputSchema"/)

  const inputSchema = { type: 'object', properties: { at: { type: 'string' } } }
  const fixed = defineTool({ name: 'it', input, inputSchema, run })
  expect(accepted(describe(fixed, { lambdaArn }))).toMatchObject({ inputSchema })
  expect(() => describe(defineTool({ name: 'it', input: z.string(), run }), { lambdaArn })).toThrow(
    /The input of "it" .*"string".*object/,
  )
})

test('refuses an object of schemas, which would register no parameter', () => {
  const shape = { city: z.string() }
  // Schemas of ArkType are functions.
  const type = Object.assign(() => '', {
    '~standard': { version: 1, vendor: 'arktype', validate: (value: unknown) => ({ value }) },
  } as const)
  for (const input of [shape, { city: v.string() }, { city: type }])
    expect(() => describe(defineTool({ name: 'it', input, run }), { lambdaArn })).toThrow(
      /The input of "it" is an object of schemas of \w+, .*z\.object/,
    )
  const returning = defineTool({ name: 'it', output: shape, run: () => ({}) as never })
  expect(() => describe(returning, { lambdaArn })).toThrow(/The output of "it" is an object of/)
  const prompt = definePrompt({ name: 'it', arguments: shape, get: () => '' })
  expect(() => describe(prompt, { lambdaArn })).toThrow(/The arguments of "it" is an object of/)
})

test('registers a resource with its URI or its URI template', () => {
  const read = () => ''
  const text = { name: 'notes', description: 'Notes', mimeType: 'text/plain', read }
  expect(
    accepted(describe(defineResource({ ...text, uri: 'notes://all' }), { lambdaArn })),
  ).toEqual({
    type: 'resource',
    name: 'notes',
    description: 'Notes',
    mimeType: 'text/plain',
    uri: 'notes://all',
    contract: 'mcp',
    lambdaArn,
  })
  const uriTemplate = 'notes://{id}'
  const template = defineResource({ ...text, uriTemplate, complete: { id: () => [] } })
  expect(accepted(describe(template, { lambdaArn }))).toMatchObject({ uriTemplate })
})

test('registers the listed arguments of a prompt, or those of its schema', () => {
  const get = () => ''
  const list = [{ name: 'topic', description: 'What about', required: true }, { name: 'audience' }]
  const listed = definePrompt({ name: 'it', arguments: list, get })
  expect(accepted(describe(listed, { lambdaArn }))).toMatchObject({ arguments: list })

  const schema = z.object({
    topic: z.string().describe('What about'),
    audience: z.string().optional(),
  })
  const written = definePrompt({ name: 'it', arguments: schema, get })
  expect(accepted(describe(written, { lambdaArn }))).toMatchObject({
    arguments: [
      { name: 'topic', description: 'What about', required: true },
      { name: 'audience', required: false },
    ],
  })
  // A schema that was made from the shorthand of the registration API.
  const shorthand = toInputSchema({ topic: 'string', audience: 'string?' }).schema
  expect(
    describe(definePrompt({ name: 'it', arguments: shorthand, get }), { lambdaArn }),
  ).toMatchObject({
    arguments: [
      { name: 'topic', required: true },
      { name: 'audience', required: false },
    ],
  })
  const date = definePrompt({ name: 'it', arguments: z.object({ at: z.date() }), get })
  expect(() => describe(date, { lambdaArn })).toThrow(/"argumentsSchema"/)
})

test('throws for a handler that was not made with defineTool, defineResource or definePrompt', () => {
  const stray = (async () => {}) as unknown as Parameters<typeof describe>[0]
  expect(() => describe(stray, { lambdaArn })).toThrow(/defineTool/)
})
