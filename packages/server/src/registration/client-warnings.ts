import type { Registration, Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { isRecord } from '../is-record.ts'
import { type SchemaObject, subschemas } from '../json-schema/keywords.ts'

/** The schema of a tool without `parameters` and without `inputSchema`. Compared by identity. */
export const ANY_ARGUMENTS: Tool['inputSchema'] = { type: 'object', properties: {} }

/** What MCP allows and known clients refuse. Some drop all tools of a server because of one. */
export function clientWarnings(registration: Registration): string[] {
  if (registration.type !== 'tool') return []
  const { name, inputSchema, outputSchema } = registration
  return [
    ...(name.includes('.')
      ? ['The name has a dot: some clients accept only letters, digits, "_" and "-"']
      : []),
    ...(inputSchema === ANY_ARGUMENTS
      ? [
          'There are no parameters: a model is not told what to send, and every argument is accepted; "parameters": {} declares a tool without arguments',
        ]
      : inputSchema['properties'] === undefined
        ? ['/inputSchema: some clients refuse an input schema without "properties"']
        : []),
    ...schemaWarnings(inputSchema, '/inputSchema'),
    ...schemaWarnings(outputSchema ?? {}, '/outputSchema'),
  ]
}

const COMBINATORS = ['anyOf', 'oneOf', 'allOf', 'not', 'enum']
const PROPERTY_NAME = /^[A-Za-z0-9_.-]{1,64}$/

/** One warning of each kind, with the first place. */
function schemaWarnings(schema: SchemaObject, path: string): string[] {
  const atRoot = COMBINATORS.find(it => it in schema)
  const found = new Map<string, string>()
  look(schema, path)
  return [
    ...(atRoot
      ? [`${path}/${atRoot}: some clients refuse "${atRoot}" at the root of a schema`]
      : []),
    ...[...found].map(([text, at]) => `${at}: ${text}`),
  ]

  function look(it: SchemaObject, at: string) {
    const { type, items, prefixItems } = it
    if ([type].flat().includes('array') && items === undefined && prefixItems === undefined)
      warn('some clients refuse a list without "items"', at)
    if (Array.isArray(items))
      warn(
        'some clients accept only draft 2020-12, where this list is "prefixItems"',
        `${at}/items`,
      )
    for (const keyword of ['exclusiveMinimum', 'exclusiveMaximum'])
      if (typeof it[keyword] === 'boolean')
        warn('some clients accept only draft 2020-12, where this is a number', `${at}/${keyword}`)
    const { properties } = it
    for (const name of isRecord(properties) ? Object.keys(properties) : [])
      if (!PROPERTY_NAME.test(name))
        warn(
          'some clients refuse names that are not 1 to 64 of A-Z a-z 0-9 _ . -',
          `${at}/properties/${name.slice(0, 100)}`,
        )
    for (const [pointer, value] of subschemas(it)) if (isRecord(value)) look(value, at + pointer)
  }

  function warn(text: string, at: string) {
    if (!found.has(text)) found.set(text, at)
  }
}
