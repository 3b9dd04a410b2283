import type { Ajv } from '@modelcontextprotocol/server/validators/ajv'

import { join, namesIn, type SchemaObject } from './keywords.ts'

/**
 * The path to a value, such as `filter/tags/0`, and what is wrong there. An argument is its name.
 */
export type Problem = [path: string, message: string]

type EngineError = NonNullable<InstanceType<typeof Ajv>['errors']>[number]

const MAX_PROBLEMS = 50
const MAX_BYTES = 8_000
/** Errors of the engine that are looked at. Alternatives have several for one problem. */
const MAX_ERRORS = 500
/** Characters of a path, a pattern, or a list of values. */
const MAX_PART = 300

/** All problems as one text of at most 8 KB. */
export function formatProblems(problems: Problem[]): string {
  const texts: string[] = []
  let bytes = 0
  for (const [path, message] of problems) {
    const text = path ? `"${cut(path)}" ${message}` : message
    bytes += Buffer.byteLength(text) + 2
    if (texts.length === MAX_PROBLEMS || bytes > MAX_BYTES) break
    texts.push(text)
  }
  const left = problems.length - texts.length
  return [...texts, ...(left > 0 ? [`and ${left} more`] : [])].join('; ')
}

/** One problem per value. What the alternatives of a value need is joined by "or". */
export function problemsOf(all: EngineError[], root: SchemaObject): Problem[] {
  const errors = all.slice(0, MAX_ERRORS)
  const alternatives = new Set(errors.filter(isAlternative).map(it => it.instancePath))
  const messages = new Map<string, Set<string>>()
  for (const error of errors) {
    const { instancePath } = error
    const isExplained = (it: EngineError) =>
      !isSummary(it) && `${it.instancePath}/`.startsWith(`${instancePath}/`)
    if (isSummary(error) && errors.some(isExplained)) continue
    const [path, message] = describe(error, root)
    messages.set(path, (messages.get(path) ?? new Set()).add(message))
  }
  return [...messages].map(([path, texts]) => {
    const parents = namesIn(path).map((_, n, names) => names.slice(0, n).reduce(join, ''))
    const isChoice = [path, ...parents].some(it => alternatives.has(it))
    return [namesIn(path).join('/'), cut([...texts].join(isChoice ? ', or ' : ' and '))]
  })
}

const isAlternative = ({ keyword }: EngineError) => keyword === 'anyOf' || keyword === 'oneOf'

/** Errors that only say that others exist. */
const isSummary = (error: EngineError) =>
  error.keyword === 'if' ||
  error.keyword === 'propertyNames' ||
  (isAlternative(error) && !Array.isArray(error.params['passingSchemas']))

function describe(
  { keyword, instancePath, params, propertyName, message = 'is not valid' }: EngineError,
  { properties }: SchemaObject,
): Problem {
  const below = (name: unknown) => join(instancePath, String(name))
  switch (keyword) {
    case 'required':
      return [below(params['missingProperty']), 'is missing']
    case 'dependentRequired':
    case 'dependencies':
      return [below(params['missingProperty']), `is missing: "${cut(params['property'])}" needs it`]
    case 'additionalProperties': {
      const known = instancePath === '' ? Object.keys(Object(properties)) : []
      const fix = known.length > 0 ? `: the known names are ${listOf(known)}` : ''
      return [below(params['additionalProperty']), `is not a known name${fix}`]
    }
    case 'unevaluatedProperties':
      return [below(params['unevaluatedProperty']), 'is not a known name']
    case 'propertyNames':
      return [below(params['propertyName']), 'is not a valid name']
  }
  const text = textOf(keyword, params, message)
  return propertyName === undefined
    ? [instancePath, text]
    : [below(propertyName), `is a name that ${text}`]
}

function textOf(keyword: string, params: EngineError['params'], message: string): string {
  switch (keyword) {
    case 'type':
      return `must be ${[params['type']]
        .flat()
        .map(it => TYPES[it] ?? it)
        .join(' or ')}`
    case 'enum':
      return `must be one of ${listOf(params['allowedValues'])}`
    case 'const':
      return `must be ${listOf([params['allowedValue']])}`
    case 'format':
      return `must be ${FORMATS[params['format']] ?? `in the format "${params['format']}"`}`
    case 'pattern':
      return `must match the pattern ${cut(params['pattern'])}`
    case 'not':
      return 'must not have this value'
    case 'false schema':
      return 'is not allowed'
    case 'anyOf':
      return 'matches none of the alternatives'
    case 'oneOf':
      return 'matches several of the alternatives, and only one is allowed'
    default:
      return message
  }
}

const TYPES: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a number',
  object: 'an object',
  string: 'a string',
}

const FORMATS: Record<string, string> = {
  date: 'a date such as 2026-01-31',
  'date-time': 'a date and time with an offset, such as 2026-01-31T09:30:00Z',
  duration: 'a duration such as P1DT2H',
  email: 'an e-mail address',
  time: 'a time with an offset, such as 09:30:00Z',
  uri: 'an absolute URI',
  uuid: 'a UUID',
}

function listOf(values: unknown[]): string {
  const texts: string[] = []
  let length = 0
  for (const value of values) {
    const text = cut(JSON.stringify(value))
    length += text.length + 2
    if (length > MAX_PART - 50 && texts.length > 0) break
    texts.push(text)
  }
  const left = values.length - texts.length
  return texts.join(', ') + (left > 0 ? ` and ${left} more` : '')
}

const cut = (text: string) => (text.length > MAX_PART ? `${text.slice(0, MAX_PART)}…` : text)
