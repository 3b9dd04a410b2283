import type { Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { UriTemplate } from '@modelcontextprotocol/server'

/** The values of a URI template's variables in one URI. */
export type Variables = Record<string, string | string[]>

/** The resource that a URI names. An exact URI is preferred to a template that matches it. */
export function resolve(resources: Resource[], uri: string) {
  const exact = resources.find(it => it.uri === uri)
  if (exact) return { resource: exact, variables: {} }
  for (const resource of resources) {
    const variables = resource.uriTemplate && new UriTemplate(resource.uriTemplate).match(uri)
    if (variables) return { resource, variables: decoded(variables) }
  }
  return undefined
}

/** The values of template variables, percent-decoded. */
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
    return value // not percent-encoded
  }
}
