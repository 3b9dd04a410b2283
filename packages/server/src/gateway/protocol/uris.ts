import type { Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { UriTemplate } from '@modelcontextprotocol/server'

/** What stood in a URI in the place of a template's variables. */
export type Variables = Record<string, string | string[]>

/** The resource that a URI names. An exact URI goes before a template that happens to match it. */
export function resolve(resources: Resource[], uri: string) {
  const exact = resources.find(it => it.uri === uri)
  if (exact) return { resource: exact, variables: {} }
  for (const resource of resources) {
    const variables = resource.uriTemplate && new UriTemplate(resource.uriTemplate).match(uri)
    if (variables) return { resource, variables: decoded(variables) }
  }
  return undefined
}

/** Template variables as the values they stand for, not as they are spelt in a URI. */
function decoded(variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(decode) : decode(value),
    ]),
  )
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value // not percent-encoded after all
  }
}
