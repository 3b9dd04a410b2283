import type { AdminClient, Registration } from '@markvp/mcp-lambda-sam-admin-client'

import { isRecord } from '../../is-record.ts'
import type { McpSession } from './mcp-session.ts'
import type { Item, Registrations } from './messages.ts'

type Json = Record<string, unknown>

/** Registrations that the page gets. */
const LIMIT = 5_000

const LISTS = [
  ['tools/list', 'tools'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'resourceTemplates'],
  ['prompts/list', 'prompts'],
] as const

/**
 * What is registered, and for each the definition that clients get: the registration API does not
 * say what becomes of a shorthand, nor whether `allow` admits the caller.
 */
export async function readRegistrations(
  admin: AdminClient,
  session: McpSession,
): Promise<Registrations> {
  const registrations: Registration[] = []
  for await (const it of admin.list()) {
    registrations.push(it)
    if (registrations.length >= LIMIT) break
  }
  const definitions = new Map<string, Json>()
  const has = new Set(registrations.map(it => it.type))
  for (const [method, field] of LISTS) {
    const type = method.startsWith('tools')
      ? 'tool'
      : method.startsWith('p')
        ? 'prompt'
        : 'resource'
    if (!has.has(type)) continue
    for await (const it of pages(session, method, field))
      definitions.set(`${type} ${it['uri'] ?? it['uriTemplate'] ?? it['name']}`, it)
  }
  return { items: registrations.map(it => toItem(it, definitions)) }
}

async function* pages(session: McpSession, method: string, field: string): AsyncGenerator<Json> {
  let count = 0
  for (let cursor: unknown; ; ) {
    const page = await session.request(method, cursor === undefined ? {} : { cursor })
    const found = page[field]
    for (const it of Array.isArray(found) ? found : []) if (isRecord(it)) yield it
    cursor = page['nextCursor']
    // Each page has at least one.
    if (cursor === undefined || ++count > LIMIT) return
  }
}

function toItem(registration: Registration, definitions: Map<string, Json>): Item {
  const { id, type, name, title, description, lambdaArn, version, updatedAt, owner } = registration
  const { uri, uriTemplate } = registration as { uri?: string; uriTemplate?: string }
  const definition = definitions.get(`${type} ${uri ?? uriTemplate ?? name}`)
  return {
    ...{ id, type, name, version, updatedAt },
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(owner !== undefined && { owner }),
    ...(definition && { definition }),
    functionName: lambdaArn.split(':').slice(6).join(':'),
    contract: registration.contract ?? 'arguments',
  }
}
