import type { Caller } from '../../http/caller.ts'
import type { List } from '../../registry/cached-list.ts'
import { visible } from './access.ts'
import {
  advertisePrompt,
  advertiseResource,
  advertiseTemplate,
  advertiseTool,
} from './advertise.ts'

/** What the list methods list: what a caller may see, sorted by name. */
export const listTools = (list: List<'tool'>, caller: Caller) =>
  visible(list, caller).map(advertiseTool)

export const listPrompts = (list: List<'prompt'>, caller: Caller) =>
  visible(list, caller).map(advertisePrompt)

export const listResources = (list: List<'resource'>, caller: Caller) =>
  visible(list, caller).flatMap(it => (it.uri ? [advertiseResource(it, it.uri)] : []))

export const listTemplates = (list: List<'resource'>, caller: Caller) =>
  visible(list, caller).flatMap(it =>
    it.uriTemplate ? [advertiseTemplate(it, it.uriTemplate)] : [],
  )
