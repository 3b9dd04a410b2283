import type { Issue, JsonSchema } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { isRecord } from '../is-record.ts'
import { runWithDeadline } from '../json-schema/deadline.ts'
import {
  isSchema,
  join,
  SchemaError,
  type SchemaObject,
  subschemas,
  WITH_LIST,
  WITH_MAP,
} from '../json-schema/keywords.ts'
import { draftProblem } from '../json-schema/normalize.ts'
import { toRegExp } from '../json-schema/pattern.ts'
import { assertNoLoop } from '../json-schema/references.ts'
import { compileSchema } from '../json-schema/validator.ts'

/** More issues than a response shows. */
const MAX_ISSUES = 60

/**
 * The issues of a JSON Schema, each with its place. It is compiled as the gateway will compile it.
 * References are not fetched.
 */
export function schemaIssues(schema: JsonSchema, path: string): Issue[] {
  const draft = draftProblem(schema)
  if (draft) return [{ path: `${path}/$schema`, message: draft }]
  const issues: Issue[] = []
  const patterns: Pattern[] = []
  collect(schema, path, issues, patterns)
  const refused = issues.length > 0 ? undefined : firstRefused(patterns)
  if (refused) issues.push(refused)
  if (issues.length > 0) return issues
  try {
    assertNoLoop(schema)
    compileSchema(schema)
    return []
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    return [{ path: path + error.pointer, message: error.message }]
  }
}

/** A regular expression of a schema, which is not compiled yet. */
interface Pattern {
  path: string
  expression: ReturnType<typeof toRegExp>
}

/** Adds the values that no draft allows, and the patterns whose syntax is right. */
function collect(schema: SchemaObject, path: string, issues: Issue[], patterns: Pattern[]) {
  for (const [keyword, value] of Object.entries(schema)) {
    const message = problemOf(keyword, value)
    if (message) issues.push({ path: join(path, keyword), message })
    else if (keyword === 'pattern') addPattern(String(value), join(path, keyword))
    if (keyword !== 'patternProperties' || !isRecord(value)) continue
    for (const pattern of Object.keys(value))
      addPattern(pattern, join(join(path, keyword), pattern))
  }
  for (const [pointer, value] of subschemas(schema)) {
    if (issues.length >= MAX_ISSUES) return
    if (isRecord(value)) collect(value, path + pointer, issues, patterns)
    else if (!isSchema(value))
      issues.push({ path: path + pointer, message: 'must be object or boolean' })
  }

  function addPattern(pattern: string, at: string) {
    try {
      patterns.push({ path: at, expression: toRegExp(pattern) })
    } catch (error) {
      issues.push(patternIssue(at, error))
    }
  }
}

const TYPES = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']

type Check = [isValid: (value: unknown) => boolean, message: string]

const isText = (value: unknown) => typeof value === 'string'
const isNames = (value: unknown) => Array.isArray(value) && value.every(isText)
const isBoolean = (value: unknown) => typeof value === 'boolean'

const TEXT: Check = [isText, 'must be string']
const COUNT: Check = [it => Number.isInteger(it) && Number(it) >= 0, 'must be integer >= 0']
const NUMBER: Check = [it => typeof it === 'number', 'must be number']
/** A boolean in draft 04. */
const LIMIT: Check = [it => typeof it === 'number' || isBoolean(it), 'must be number']

const CHECKS: Record<string, Check> = {
  ...entries(['$ref', '$dynamicRef', '$recursiveRef', '$id', '$anchor', '$dynamicAnchor'], TEXT),
  ...entries(['title', 'description', 'format', 'pattern'], TEXT),
  ...entries(['maxLength', 'minLength', 'maxItems', 'minItems', 'maxProperties'], COUNT),
  ...entries(['minProperties', 'maxContains', 'minContains'], COUNT),
  ...entries(['minimum', 'maximum'], NUMBER),
  ...entries(['exclusiveMinimum', 'exclusiveMaximum'], LIMIT),
  ...entries(WITH_MAP, [isRecord, 'must be object']),
  ...entries(WITH_LIST, [it => Array.isArray(it) && it.length > 0, 'must be a list of schemas']),
  multipleOf: [it => typeof it === 'number' && it > 0, 'must be number > 0'],
  uniqueItems: [isBoolean, 'must be boolean'],
  enum: [Array.isArray, 'must be array'],
  required: [isNames, 'must be array of names'],
  dependentRequired: [
    it => isRecord(it) && Object.values(it).every(isNames),
    'must be object of lists of names',
  ],
  type: [
    it => [it].flat().length > 0 && [it].flat().every(name => TYPES.includes(name as string)),
    `must be one of ${TYPES.join(', ')}, or a list of these`,
  ],
}

function entries(keywords: string[], check: Check): Record<string, Check> {
  return Object.fromEntries(keywords.map(it => [it, check]))
}

function problemOf(keyword: string, value: unknown): string | undefined {
  const [isValid, message] = (Object.hasOwn(CHECKS, keyword) && CHECKS[keyword]) || []
  if (isValid && !isValid(value)) return message
  return undefined
}

/** Processor time of all patterns together, and of each one. A usual one takes microseconds. */
const MS_OF_PATTERNS = 250
const MS_PER_PATTERN = 100

/**
 * The first pattern that the engine does not compile, or takes long to. It compiles an expression
 * at its first use: a short text shows whether it can.
 */
function firstRefused(patterns: Pattern[]): Issue | undefined {
  let at = 0
  const rest = () => {
    for (; at < patterns.length; at++) patterns[at]?.expression.test('')
  }
  while (at < patterns.length)
    try {
      // A deadline costs a thread, so all share one where nothing is wrong.
      runWithDeadline(rest, () => MS_OF_PATTERNS)
    } catch {
      // This one is wrong, or the ones before it took the time.
      const issue = refusal(patterns[at] as Pattern)
      if (issue) return issue
      at++
    }
  return undefined
}

function refusal({ path, expression }: Pattern): Issue | undefined {
  try {
    runWithDeadline(
      () => expression.test(''),
      () => MS_PER_PATTERN,
    )
    return undefined
  } catch (error) {
    return patternIssue(path, error)
  }
}

const patternIssue = (path: string, error: unknown): Issue => ({
  path,
  message: `is not a regular expression of JavaScript: ${(error as Error).message}`,
})
