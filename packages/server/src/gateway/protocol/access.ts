import {
  type PrincipalPattern,
  parsePrincipalPattern,
  type Registration,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type Caller, type Principal, principalArn, principalOf } from '../../http/caller.ts'

/** Whether a caller may see and use a registration. Every list and every call checks it here. */
export function mayUse({ allow }: Pick<Registration, 'allow'>, caller: Caller): boolean {
  return !allow || admits(allow, principalOf(caller.arn))
}

/** The registrations of a list that a caller may see. */
export function visible<Item extends Pick<Registration, 'allow'>>(
  list: ReadonlyMap<string, Item>,
  caller: Caller,
): Item[] {
  const principal = principalOf(caller.arn)
  return [...list.values()].filter(({ allow }) => !allow || admits(allow, principal))
}

/** Callers with the same key see the same items of a list. */
export function viewOf(
  list: ReadonlyMap<string, Pick<Registration, 'allow'>>,
  { arn }: Caller,
): string {
  const compared = comparedBy.get(list) ?? whatIsCompared(list)
  comparedBy.set(list, compared)
  if (compared === 'nothing') return ''
  return compared === 'principal' ? principalArn(arn) : arn
}

type Compared = 'nothing' | 'principal' | 'role session'
const comparedBy = new WeakMap<object, Compared>()

function whatIsCompared(list: ReadonlyMap<string, Pick<Registration, 'allow'>>): Compared {
  const limits = [...list.values()].flatMap(({ allow }) => (allow ? [patternsOf(allow)] : []))
  if (limits.length === 0) return 'nothing'
  const sessions = limits.flat().some(it => it.sessionName !== undefined)
  return sessions ? 'role session' : 'principal'
}

const admits = (allow: string[], principal: Principal) =>
  patternsOf(allow).some(pattern => matches(pattern, principal))

const parsed = new WeakMap<string[], PrincipalPattern[]>()

/**
 * The usable entries. One that an older version stored and today's rules refuse admits no caller.
 */
function patternsOf(allow: string[]): PrincipalPattern[] {
  const known = parsed.get(allow)
  if (known) return known
  const patterns = allow.map(parsePrincipalPattern).filter(it => typeof it !== 'string')
  parsed.set(allow, patterns)
  return patterns
}

function matches(pattern: PrincipalPattern, principal: Principal): boolean {
  const { partition, accountId, kind, name } = principal
  if (pattern.partition !== partition) return false
  if (pattern.accountId !== '*' && pattern.accountId !== accountId) return false
  if (pattern.kind === 'root') return true
  if (pattern.kind !== kind || !matchesName(pattern.name, name)) return false
  if (pattern.sessionName === undefined) return true
  return (
    principal.sessionName !== undefined && matchesName(pattern.sessionName, principal.sessionName)
  )
}

/** `*` stands for any characters, as in IAM. */
function matchesName(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === name
  if (!name.startsWith(first)) return false
  const last = rest.pop() ?? ''
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
