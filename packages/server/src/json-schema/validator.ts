import { isRecord } from '../is-record.ts'
import { DeadlineError, runWithDeadline } from './deadline.ts'
import { createEngine } from './engine.ts'
import { SchemaError, type SchemaObject } from './keywords.ts'
import { type Normalized, normalize } from './normalize.ts'
import { formatProblems, problemsOf } from './problems.ts'

/**
 * Returns what is wrong with a value, as a text of at most 8 KB, or undefined for a valid value.
 */
export type Validate = (value: unknown) => string | undefined

/**
 * Processor time for a check that may take more than linear time. Large values take a while with
 * harmless patterns too: 6 MB about 100 ms.
 */
const MS_PER_CHECK = 50
const MS_PER_MEGABYTE = 50
/** The weight of a large value. Only its first problem is reported. */
const LARGE = 100_000
/**
 * Processor time to compile a schema. Nearly all take less than 50 ms. The largest that `normalize`
 * accepts take about 1 s where the code of the engine is cold.
 */
const COMPILE_MS = 1_000

/**
 * Compiles a JSON Schema of any draft.
 *
 * @throws SchemaError
 */
export function compileSchema(root: SchemaObject): Validate {
  const normalized = normalize(root)
  const { isCostly } = normalized
  // The first error of each alternative decides. To find all errors takes exponential time where
  // alternatives are recursive, for valid values too.
  const isValid = compile(normalized, false)
  let collect: typeof isValid | undefined

  return value => {
    const isLarge = weightOf(value, LARGE) >= LARGE
    const processorMs = () => MS_PER_CHECK + (MS_PER_MEGABYTE * weightOf(value)) / 1e6
    const { tracked, current } = isCostly ? track(value) : { tracked: value, current: () => '' }
    try {
      const check = () => isValid(tracked)
      if (isCostly ? runWithDeadline(check, processorMs) : check()) return undefined
    } catch (error) {
      return formatProblems([[current(), unfinished(error)]])
    }
    const errors = (isLarge ? undefined : allErrors(value)) ?? isValid.errors ?? []
    return formatProblems(problemsOf(errors, root))
  }

  /** Undefined where it takes too long to find all errors. */
  function allErrors(value: unknown) {
    try {
      collect ??= compile(normalized, true)
      runWithDeadline(
        () => collect?.(value),
        () => MS_PER_CHECK,
      )
      return collect.errors
    } catch {
      return undefined // the first error is known
    }
  }
}

function compile({ schema, isUnevaluated }: Normalized, allErrors: boolean) {
  try {
    const run = () => createEngine(allErrors, isUnevaluated).compile(schema)
    return runWithDeadline(run, () => COMPILE_MS)
  } catch (error) {
    throw new SchemaError('', `does not compile: it ${reasonOf(error)}`)
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof DeadlineError) return 'takes too long: use fewer keywords'
  // The stack of the engine is full.
  if (error instanceof RangeError) return 'has too many references that lead to one another'
  return `is refused by the engine (${(error as Error).message})`
}

/** About the length of a value as JSON. It is not counted beyond `limit`. */
function weightOf(value: unknown, limit = Number.POSITIVE_INFINITY): number {
  let weight = 0
  const rest = [value]
  while (rest.length > 0 && weight < limit) {
    const item = rest.pop()
    weight += 8
    if (typeof item === 'string') weight += item.length
    else if (Array.isArray(item)) {
      weight += item.length
      if (weight < limit) for (const it of item) rest.push(it)
    } else if (isRecord(item))
      for (const key of Object.keys(item)) {
        weight += key.length
        rest.push(item[key])
      }
  }
  return weight
}

/** More arguments than this are not tracked. */
const MAX_TRACKED = 1_000

/**
 * A copy of an object whose properties note that they are read: the last one is the argument that
 * the engine checks.
 */
function track(value: unknown): { tracked: unknown; current(): string } {
  let last = ''
  const current = () => last
  const names = isRecord(value) ? Object.keys(value) : []
  if (!isRecord(value) || names.length > MAX_TRACKED) return { tracked: value, current }
  const tracked = {}
  for (const name of names) {
    const get = () => {
      last = name
      return value[name]
    }
    Object.defineProperty(tracked, name, { get, enumerable: true })
  }
  return { tracked, current }
}

function unfinished(error: unknown): string {
  const fix = 'send a shorter or simpler value'
  if (error instanceof DeadlineError) return `takes too long to check against the schema: ${fix}`
  const { name, message } = error as Error
  // The stack of the engine is full, or it does not compile a pattern, which it does at the first
  // use.
  if (name === 'RangeError' || name === 'SyntaxError')
    return `cannot be checked against the schema (${message}): ${fix}`
  throw error
}
