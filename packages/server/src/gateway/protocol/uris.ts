import type { Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { ResourceNotFoundError } from '@modelcontextprotocol/server'

import { MAX_URI_LENGTH, type MatchUri, uriMatcher } from '../../uri-template/match.ts'
import { invalidParams } from './function-calls.ts'

/** The resource that a URI names, for a request. Throws what the client did wrong. */
export function resourceOf(resources: Resource[], uri: string) {
  if (uri.length > MAX_URI_LENGTH)
    throw invalidParams(
      `The URI has ${uri.length} characters: at most ${MAX_URI_LENGTH} are accepted`,
    )
  const found = resolve(resources, uri)
  if (!found) throw new ResourceNotFoundError(uri)
  return found
}

/** The resource that a URI names. An exact URI is preferred to a template that matches it. */
export function resolve(resources: Resource[], uri: string) {
  const exact = resources.find(it => it.uri === uri)
  if (exact) return { resource: exact, variables: {} }
  for (const resource of resources) {
    const variables = matcherOf(resource)?.(uri)
    if (variables) return { resource, variables }
  }
  return undefined
}

/** The registry returns the same object for as long as a registration is unchanged. */
const matchers = new WeakMap<Resource, MatchUri>()

/** Undefined without a template, and for a stored one that the gateway cannot match. */
function matcherOf(resource: Resource): MatchUri | undefined {
  const known = matchers.get(resource)
  if (known || resource.uriTemplate === undefined) return known
  const matcher = uriMatcher(resource.uriTemplate) ?? (() => undefined)
  matchers.set(resource, matcher)
  return matcher
}
