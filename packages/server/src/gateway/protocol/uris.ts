import type { Resource } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Caller } from '../../http/caller.ts'
import { resourceNotFound } from '../../jsonrpc-error.ts'
import type { List } from '../../registry/cached-list.ts'
import { MAX_URI_LENGTH, type MatchUri, uriMatcher } from '../../uri-template/match.ts'
import { mayUse } from './access.ts'
import { invalidParams } from './request-errors.ts'

type Resources = List<'resource'>

/** The resource that a URI names, for a request. Throws what the client did wrong. */
export function resourceOf(resources: Resources, caller: Caller, uri: string) {
  if (uri.length > MAX_URI_LENGTH)
    throw invalidParams(
      `The URI has ${uri.length} characters: at most ${MAX_URI_LENGTH} are accepted`,
    )
  const found = resolve(resources, caller, uri)
  if (!found) throw resourceNotFound(uri)
  return found
}

/**
 * The resource that a URI names, of those that the caller may see. An exact URI is preferred to a
 * template that matches it.
 */
export function resolve(resources: Resources, caller: Caller, uri: string) {
  const { byUri, templates } = indexOf(resources)
  const exact = byUri.get(uri)?.find(it => mayUse(it, caller))
  if (exact) return { resource: exact, variables: {} }
  for (const resource of templates) {
    const variables = matcherOf(resource)?.(uri)
    if (variables && mayUse(resource, caller)) return { resource, variables }
  }
  return undefined
}

interface Index {
  /** By name, as the list is. */
  byUri: Map<string, Resource[]>
  templates: Resource[]
}

/** Made once for each list: the registry returns the same one until something changes. */
const indexes = new WeakMap<Resources, Index>()

function indexOf(resources: Resources): Index {
  const known = indexes.get(resources)
  if (known) return known
  const index: Index = { byUri: new Map(), templates: [] }
  for (const resource of resources.values()) {
    const { uri, uriTemplate } = resource
    if (uriTemplate !== undefined) index.templates.push(resource)
    if (uri === undefined) continue
    const same = index.byUri.get(uri)
    if (same) same.push(resource)
    else index.byUri.set(uri, [resource])
  }
  indexes.set(resources, index)
  return index
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
