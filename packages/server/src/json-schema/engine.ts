import {
  type Ajv,
  AjvJsonSchemaValidator,
  addFormats,
} from '@modelcontextprotocol/server/validators/ajv'

import { addLongFormats } from './formats.ts'
import { toRegExp } from './pattern.ts'
import { equalItems } from './unique-items.ts'

type Engine = InstanceType<typeof Ajv>

/** Draft 2020-12. The SDK, which bundles it, exports the class of draft 07 only. */
let Ajv2020: typeof Ajv | undefined

/**
 * An engine for one schema. An engine for all schemas would keep every schema in memory.
 *
 * With `unevaluated` it tries every alternative of an `anyOf`, also after one that matches. That
 * takes exponential time where alternatives are recursive.
 */
export function createEngine(allErrors: boolean, unevaluated: boolean): Engine {
  Ajv2020 ??= new AjvJsonSchemaValidator()['ajv'].constructor as typeof Ajv
  const engine = new Ajv2020({
    allErrors,
    code: {
      optimize: false,
      regExp: Object.assign(toRegExp.bind(undefined), { code: 'toRegExp' }),
    },
    // A larger definition is compiled once, not at each place that refers to it.
    inlineRefs: 20,
    logger: false,
    meta: false,
    // Without it every object has a property "constructor".
    ownProperties: true,
    strict: false,
    validateSchema: false,
  })
  engine.opts.unevaluated = unevaluated
  // Without the keywords of ajv-formats, such as "formatMinimum".
  addFormats(engine, { mode: 'full', keywords: false })
  addLongFormats(engine)
  // Otherwise "constructor" and the like are known formats.
  Object.setPrototypeOf(engine.formats, null)
  replaceKeyword(engine, 'uniqueItems', { type: 'array', schemaType: 'boolean' }, uniqueItems)
  replaceKeyword(engine, 'multipleOf', { type: 'number', schemaType: 'number' }, multipleOf)
  return engine
}

/** The keyword of Ajv compares each item with each other item. */
const uniqueItems = (isWanted: boolean, items: unknown[]) => {
  const [first, second] = (isWanted && equalItems(items)) || []
  return first === undefined
    ? undefined
    : `must not repeat an item: ${second} is the same as ${first}`
}

/** 19.99 is a multiple of 0.01, although 19.99 / 0.01 is 1998.9999999999998. */
const multipleOf = (divisor: number, value: number) => {
  const quotient = value / divisor
  const isMultiple = Number.isFinite(quotient)
    ? Math.abs(Math.round(quotient) - quotient) <= 1e-6
    : value % divisor === 0
  return isMultiple ? undefined : `must be a multiple of ${divisor}`
}

type Problem<Setting, Value> = (setting: Setting, value: Value) => string | undefined

/** Replaces a keyword of the engine by a function that says what is wrong. */
function replaceKeyword<Setting, Value>(
  engine: Engine,
  keyword: string,
  types: { type: 'array' | 'number'; schemaType: 'boolean' | 'number' },
  problem: Problem<Setting, Value>,
) {
  engine.removeKeyword(keyword)
  engine.addKeyword({
    keyword,
    ...types,
    compile(setting: Setting) {
      const validate: { (value: Value): boolean; errors?: object[] } = value => {
        const message = problem(setting, value)
        if (message === undefined) return true
        validate.errors = [{ keyword, params: {}, message }]
        return false
      }
      return validate
    },
  })
}
