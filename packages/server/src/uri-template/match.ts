import { createFilter } from './filter.ts'
import {
  type Expression,
  encodeIllegal,
  isForm,
  isNamed,
  parseUriTemplate,
  type Variable,
} from './parse.ts'
import { compile, run } from './program.ts'

/** The decoded value of each variable that the URI gives; an exploded variable has a list. */
export type Variables = Record<string, string | string[]>

/** Longer URIs match no template. */
export const MAX_URI_LENGTH = 8_192

/** The variables with which the template expands to the URI; undefined where it does not. */
export type MatchUri = (uri: string) => Variables | undefined

/**
 * How to match URIs against a template; undefined where `parseUriTemplate` has a reason against
 * the template.
 *
 * A URI matches where some values expand the template to it. Form-style variables (`{?a,b}`) may
 * stand in any order, and variables may be missing, except that a simple (`{a}`) and a reserved
 * (`{+a}`) expression take one character at least. In one point more than an expansion matches: a
 * simple value may hold reserved characters other than "/". Takes time linear in the length of
 * the URI.
 */
export function uriMatcher(template: string): MatchUri | undefined {
  const parts = parseUriTemplate(template)
  if (typeof parts === 'string') return undefined
  const program = compile(parts)
  const matches = createFilter(program)
  const expressions = parts.filter((it): it is Expression => 'operator' in it)
  const form = expressions.flatMap(it => (isForm(it) ? it.variables : []))

  return uri => {
    const encoded = uri.length > MAX_URI_LENGTH ? undefined : encodeIllegal(uri)
    if (encoded === undefined || !matches(encoded)) return undefined
    const texts = run(program, encoded)
    if (!texts) return undefined
    const variables = new Map<string, string | string[]>()
    for (const [index, expression] of expressions.entries()) {
      const text = texts[index] ?? ''
      if (text === '') continue
      const isAssigned = isNamed(expression.operator)
        ? assignNamed(variables, isForm(expression) ? form : expression.variables, text)
        : assignInOrder(variables, expression, text)
      if (!isAssigned) return undefined
    }
    return Object.fromEntries(variables)
  }
}

/** `;a=1;b=2`, `?a=1&b=2`. False for a name that the template does not have, or has only once. */
function assignNamed(values: Map<string, string | string[]>, known: Variable[], text: string) {
  const separator = text.startsWith(';') ? ';' : '&'
  for (const pair of text.slice(1).split(separator)) {
    const at = pair.indexOf('=')
    const name = at < 0 ? pair : pair.slice(0, at)
    const value = at < 0 ? '' : decode(pair.slice(at + 1))
    const variable = known.find(it => it.name === name)
    // Form style writes the "=" also before an empty value.
    if (!variable || (at < 0 && separator === '&')) return false
    const before = values.get(name)
    if (Array.isArray(before)) before.push(value)
    else if (before === undefined && variable.explode) values.set(name, [value])
    else if (before === undefined) values.set(name, value)
    else return false
  }
  return true
}

const SEPARATORS = { '': ',', '+': ',', '#': ',', '.': '.', '/': '/' } as const

/** `1,2`, `.1.2`, `/1/2`. The last variable takes what is left over: its value may be a list. */
function assignInOrder(
  values: Map<string, string | string[]>,
  { operator, variables }: Expression,
  text: string,
) {
  const separator = SEPARATORS[operator as keyof typeof SEPARATORS]
  const hasPrefix = operator !== '' && operator !== '+'
  const items = (hasPrefix ? text.slice(1) : text).split(separator)
  for (const [index, { name, explode }] of variables.entries()) {
    const isLast = index === variables.length - 1
    const mine = isLast ? items.slice(index) : items.slice(index, index + 1)
    if (mine.length === 0) break
    values.set(name, explode ? mine.map(decode) : decode(mine.join(separator)))
  }
  return true
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value // a "%" that encodes nothing stands for itself
  }
}
