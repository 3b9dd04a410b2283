import { isRecord } from '../../is-record.ts'
import { ACCOUNT, functionArn, REGION } from '../function-arn.ts'

export interface TemplateResource {
  Type?: unknown
  Condition?: unknown
  Properties?: unknown
  Metadata?: unknown
}

export interface Template {
  Parameters?: Record<string, { Default?: unknown } | undefined>
  Mappings?: Record<string, unknown>
  Conditions?: Record<string, unknown>
  Globals?: Record<string, unknown>
  Resources?: Record<string, TemplateResource | undefined>
}

export interface Resolver {
  /**
   * The value of a property: intrinsic functions are replaced, also inside of objects and lists.
   * `unresolved` gets what CloudFormation alone knows; the result is undefined then.
   */
  resolve(value: unknown, unresolved: (what: string) => void): unknown
  /** Whether the resource exists under its condition. True if that cannot be told. */
  exists(resource: TemplateResource): boolean
}

/**
 * Replaces intrinsic functions as far as a template tells: references to parameters, functions and
 * named tables and buckets, and the functions of text and conditions.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */
export function resolver(
  template: Template,
  /** Values of parameters, and of pseudo parameters such as `AWS::StackName`. */
  given: Record<string, string>,
  /** The local name of a function, by logical id. Undefined for any other resource. */
  functionName: (logicalId: string) => string | undefined,
): Resolver {
  // A part without content is null in YAML.
  const Parameters = template.Parameters ?? {}
  const Mappings = template.Mappings ?? {}
  const Conditions = template.Conditions ?? {}
  const Resources = template.Resources ?? {}
  let depth = 0
  const intrinsics: Record<string, (argument: unknown) => unknown> = {
    Ref: name => reference(String(name)),
    'Fn::GetAtt': path => reference(Array.isArray(path) ? path.join('.') : String(path)),
    'Fn::Sub': substitute,
    'Fn::Join': join,
    'Fn::Select': select,
    'Fn::Split': split,
    'Fn::FindInMap': lookUp,
    'Fn::If': choose,
    'Fn::ImportValue': name => {
      throw new Unresolved(`the export ${JSON.stringify(name)}`)
    },
  }
  return {
    resolve(value, unresolved) {
      try {
        return resolve(value)
      } catch (error) {
        if (!(error instanceof Unresolved)) throw error
        unresolved(error.message)
        return undefined
      }
    },
    exists({ Condition }) {
      try {
        return typeof Condition !== 'string' || isTrue({ Condition })
      } catch (error) {
        if (error instanceof Unresolved) return true
        throw error
      }
    },
  }

  /** Values can refer to one another in a circle. */
  function deeper<Result>(work: () => Result): Result {
    if (depth === MAX_DEPTH) throw new Unresolved('a value that refers to itself')
    depth++
    try {
      return work()
    } finally {
      depth--
    }
  }

  function resolve(value: unknown): unknown {
    return deeper(() => resolved(value))
  }

  function resolved(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolve)
    if (!isRecord(value)) return value
    const [name = '', ...others] = Object.keys(value)
    const isIntrinsic = others.length === 0 && Object.hasOwn(intrinsics, name)
    const intrinsic = isIntrinsic ? intrinsics[name] : undefined
    if (intrinsic) return intrinsic(value[name])
    if (others.length === 0 && name.startsWith('Fn::')) throw new Unresolved(name)
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, resolve(it)]))
  }

  function reference(name: string): unknown {
    const [id = '', attribute] = name.split('.')
    if (!attribute && Object.hasOwn(given, name)) return given[name]
    if (!attribute && Object.hasOwn(PSEUDO, name)) return PSEUDO[name]
    const parameter = Parameters[name]
    if (parameter?.Default !== undefined) return parameter.Default
    if (parameter) throw new Unresolved(`the parameter ${name}, which has no default`)
    const fn = functionName(id)
    if (fn && attribute === 'Arn') return functionArn(fn)
    if (fn && !attribute) return fn
    const physical = attribute ? undefined : nameOf(Resources[id])
    if (physical !== undefined) return physical
    throw new Unresolved(id.startsWith('AWS::') ? name : `the resource ${name}`)
  }

  /** The name that the template gives to a table or a bucket: `Ref` returns it. */
  function nameOf(resource: TemplateResource | undefined): unknown {
    const property = NAMES[String(resource?.Type)]
    const properties = resource?.Properties
    if (!property || !isRecord(properties) || properties[property] === undefined) return undefined
    return resolve(properties[property])
  }

  function substitute(argument: unknown): string {
    const [text, own] = Array.isArray(argument) ? argument : [argument]
    const variables = isRecord(own) ? own : {}
    return String(text).replace(/\$\{([^}]+)\}/g, (_, name: string) => {
      if (name.startsWith('!')) return `\${${name.slice(1)}}`
      const key = name.trim()
      return String(Object.hasOwn(variables, key) ? resolve(variables[key]) : reference(key))
    })
  }

  function isTrue(condition: unknown): boolean {
    if (!isRecord(condition)) return condition === true || condition === 'true'
    const [name = ''] = Object.keys(condition)
    const argument = condition[name]
    const list = Array.isArray(argument) ? argument : []
    if (name === 'Condition') return deeper(() => isTrue(Conditions[String(argument)]))
    if (name === 'Fn::Not') return !isTrue(list[0])
    if (name === 'Fn::And') return list.every(isTrue)
    if (name === 'Fn::Or') return list.some(isTrue)
    if (name === 'Fn::Equals') {
      const [left, right] = list.map(resolve)
      return String(left) === String(right)
    }
    throw new Unresolved(`the condition ${name}`)
  }

  function choose(argument: unknown): unknown {
    const [condition, yes, no] = Array.isArray(argument) ? argument : []
    return resolve(isTrue({ Condition: condition }) ? yes : no)
  }

  function lookUp(argument: unknown): unknown {
    const path = Array.isArray(argument) ? argument.map(it => String(resolve(it))) : []
    const found = path.reduce<unknown>(
      (value, key) => (isRecord(value) ? value[key] : undefined),
      Mappings,
    )
    if (found === undefined) throw new Unresolved(`the mapping ${path.join('.')}`)
    return found
  }

  function join(argument: unknown): string {
    const [separator, parts] = Array.isArray(argument) ? argument : []
    const list = resolve(parts)
    return Array.isArray(list) ? list.map(String).join(String(separator)) : String(list)
  }

  function select(argument: unknown): unknown {
    const [index, parts] = Array.isArray(argument) ? argument : []
    const list = resolve(parts)
    return Array.isArray(list) ? list[Number(resolve(index))] : undefined
  }

  function split(argument: unknown): string[] {
    const [separator, text] = Array.isArray(argument) ? argument : []
    return String(resolve(text)).split(String(separator))
  }
}

/** More than the values of a template are nested. */
const MAX_DEPTH = 100

class Unresolved extends Error {}

const PSEUDO: Record<string, string> = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Region': REGION,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
}

/** The property with the name of a resource, where `Ref` returns that name. */
const NAMES: Record<string, string> = {
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::Serverless::SimpleTable': 'TableName',
  'AWS::S3::Bucket': 'BucketName',
}
