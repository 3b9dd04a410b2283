/** One variable of an expression: `{name}`, or exploded, `{name*}`. */
export interface Variable {
  name: string
  explode: boolean
}

/** An operator of RFC 6570; the empty one is simple expansion. */
export type Operator = '' | '+' | '#' | '.' | '/' | ';' | '?' | '&'

export type Part = { literal: string } | { operator: Operator; variables: Variable[] }

export type Expression = Exclude<Part, { literal: string }>

/** Longer templates, and templates with more variables, are refused. */
const MAX_LENGTH = 2_048
const MAX_VARIABLES = 50

/**
 * The parts of a URI template (RFC 6570, levels 1 to 4 without the prefix modifier), or a
 * sentence that says why the gateway cannot match it: https://www.rfc-editor.org/rfc/rfc6570
 */
export function parseUriTemplate(template: string): Part[] | string {
  if (template.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`
  const parts: Part[] = []
  const names = new Set<string>()
  for (const [index, text] of template.split(/\{([^{}]*)\}/).entries()) {
    if (index % 2 === 0) {
      if (/[{}]/.test(text)) return 'has a brace without its counterpart'
      if (text) parts.push({ literal: text })
      continue
    }
    const expression = parseExpression(text)
    if (typeof expression === 'string') return expression
    for (const { name } of expression.variables) {
      if (names.has(name)) return `names the variable "${name}" twice`
      names.add(name)
    }
    parts.push(expression)
  }
  if (names.size === 0) return 'has no variable: register it as "uri"'
  if (names.size > MAX_VARIABLES) return `has more than ${MAX_VARIABLES} variables`
  return problemOf(parts) ?? parts
}

function parseExpression(text: string): Expression | string {
  const [, operator = '', list = ''] = /^([+#./;?&=,!@|]?)(.*)$/s.exec(text) ?? []
  if (!isOperator(operator)) return `has the operator "${operator}", which RFC 6570 reserves`
  const variables: Variable[] = []
  for (const item of list.split(',')) {
    const [, name, modifier = ''] = /^((?:[\w.]|%[0-9a-f]{2})+)(\*|:\d{1,4})?$/i.exec(item) ?? []
    if (name === undefined) return `has "{${text}}", where variable names are expected`
    if (modifier.startsWith(':')) return `has the prefix modifier "${modifier}": leave it out`
    variables.push({ name, explode: modifier === '*' })
  }
  const exploded = variables.findIndex(it => it.explode)
  if (!isNamed(operator) && exploded >= 0 && exploded < variables.length - 1)
    return `has an exploded variable before others in "{${text}}": put it last`
  return { operator, variables }
}

const isOperator = (text: string): text is Operator =>
  ['', '+', '#', '.', '/', ';', '?', '&'].includes(text)

/** Operators whose values carry the name of their variable. */
export const isNamed = (operator: Operator) =>
  operator === ';' || operator === '?' || operator === '&'

/** Form-style variables may come in any order, so only a fragment may follow them. */
function problemOf(parts: Part[]): string | undefined {
  const fragment = parts.findIndex(startsFragment)
  if (fragment >= 0 && parts.slice(fragment).some(isForm))
    return 'has "{?…}" or "{&…}" behind a fragment'
  const first = parts.findIndex(isForm)
  if (first < 0) return undefined
  const tail = parts.slice(first)
  const end = tail.findIndex(it => !isForm(it))
  const next = end < 0 ? undefined : tail[end]
  if (next && !startsFragment(next)) return 'has more than a fragment behind "{?…}" or "{&…}"'
  const hasQuery = parts.slice(0, first).some(it => 'literal' in it && it.literal.includes('?'))
  const [opening, ...following] = parts.filter(isForm) as Expression[]
  if (following.some(it => it.operator === '?')) return 'begins the query twice'
  if (opening?.operator === '?' && hasQuery) return 'has "{?…}" behind a "?": write "{&…}"'
  if (opening?.operator === '&' && !hasQuery)
    return 'has "{&…}" without a query before it: write "{?…}"'
  return undefined
}

export const isForm = (part: Part): part is Expression & { operator: '?' | '&' } =>
  'operator' in part && (part.operator === '?' || part.operator === '&')

export const startsFragment = (part: Part) =>
  'literal' in part ? part.literal.startsWith('#') : part.operator === '#'

/**
 * As an expansion writes them: characters that no URI has are percent-encoded. Undefined for lone
 * surrogates.
 */
export function encodeIllegal(text: string): string | undefined {
  try {
    return text.replace(/[^!-~]+|["<>\\^`{|}]/g, encodeURIComponent)
  } catch {
    return undefined
  }
}
