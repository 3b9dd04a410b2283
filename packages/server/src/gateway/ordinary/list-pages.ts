import type { RegistrationType } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Caller } from '../../http/caller.ts'
import type { List } from '../../registry/cached-list.ts'
import { viewOf } from '../protocol/access.ts'
import { listPrompts, listResources, listTemplates, listTools } from '../protocol/lists.ts'
import { page } from '../protocol/paging.ts'

export type ListMethod = keyof typeof LISTS

const LISTS = {
  'tools/list': { member: 'tools', type: 'tool', items: listTools },
  'prompts/list': { member: 'prompts', type: 'prompt', items: listPrompts },
  'resources/list': { member: 'resources', type: 'resource', items: listResources },
  'resources/templates/list': {
    member: 'resourceTemplates',
    type: 'resource',
    items: listTemplates,
  },
} as const

/** Characters of the pages that are kept for one registry version. An environment has 256 MB. */
const MAX_CHARACTERS = 16 * 1024 * 1024
const MAX_PAGES = 200
/** A cursor of ours has the name of a registration. A client can send one of any length. */
const MAX_CURSOR_LENGTH = 2_048

interface Pages {
  texts: Map<string, string>
  characters: number
}

/**
 * The members of a list result as JSON, without the braces around them: `"tools":[…]`. A page is
 * made once for each registry version and view, and sent as it is.
 *
 * @throws JsonRpcError -32602 for a cursor that this server did not make
 */
export function createListPages() {
  const byList = new WeakMap<object, Pages>()

  return (
    method: ListMethod,
    list: List<RegistrationType>,
    caller: Caller,
    cursor: string | undefined,
    maxBytes: number,
  ): string => {
    if (cursor !== undefined && cursor.length > MAX_CURSOR_LENGTH)
      return toText(method, list, caller, cursor, maxBytes)
    const pages = byList.get(list) ?? { texts: new Map(), characters: 0 }
    byList.set(list, pages)
    const key = JSON.stringify([method, viewOf(list, caller), maxBytes, cursor])
    const known = pages.texts.get(key)
    if (known !== undefined) return known
    const text = toText(method, list, caller, cursor, maxBytes)
    if (pages.texts.size < MAX_PAGES && pages.characters + text.length <= MAX_CHARACTERS) {
      pages.texts.set(key, text)
      pages.characters += text.length
    }
    return text
  }
}

function toText(
  method: ListMethod,
  list: List<RegistrationType>,
  caller: Caller,
  cursor: string | undefined,
  maxBytes: number,
): string {
  const { member, items } = LISTS[method]
  // The list is of the method's type.
  const all = items(list as never, caller)
  const { items: shown, nextCursor } = page<{ name: string }>(all, cursor, maxBytes)
  const members = `${JSON.stringify(member)}:${JSON.stringify(shown)}`
  return nextCursor === undefined
    ? members
    : `${members},"nextCursor":${JSON.stringify(nextCursor)}`
}

export const typeOf = (method: ListMethod): RegistrationType => LISTS[method].type
