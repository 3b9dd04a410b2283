import { dirname, join, relative } from 'node:path'
import { parse } from 'yaml'

import { AdminError } from '../errors.ts'
import { isRecord } from '../is-record.ts'
import type { ManifestFunction } from '../manifest/manifest.ts'
import { runsHere } from '../manifest/schema.ts'
import { type Imported, type ManifestTool, toName } from './imported.ts'

type Values = Record<string, unknown>

interface SamOptions {
  /** The path of the template. */
  file: string
  /** The stack that is deployed from it. */
  stack: string | undefined
  /** The path of the manifest. Default: the working directory */
  out: string | undefined
}

const TYPES = ['AWS::Serverless::Function', 'AWS::Lambda::Function']

/**
 * A tool and an entry in `functions` for each function of a SAM template, so that `apply` and
 * `mcp-lambda-sam local` both find the function. Its ARN is an output of the stack.
 */
export function fromSamTemplate(text: string, { file, stack, out }: SamOptions): Imported {
  const template = parseTemplate(text)
  const globals = recordIn(recordIn(template, 'Globals'), 'Function')
  const folder = relative(dirname(out ?? '.'), dirname(file))
  const functions: [string, ManifestFunction][] = []
  const tools: [string, ManifestTool][] = []
  const missing: string[] = []
  const withoutCode: string[] = []
  for (const [id, resource] of Object.entries(recordIn(template, 'Resources'))) {
    if (!isRecord(resource) || !TYPES.includes(String(resource['Type']))) continue
    const properties = { ...globals, ...recordIn(resource, 'Properties') }
    const { FunctionName, Description } = properties
    const name = toName(typeof FunctionName === 'string' ? FunctionName : id)
    const output = outputOf(template, id)
    if (!output) missing.push(id)
    const variables = {
      ...recordIn(recordIn(globals, 'Environment'), 'Variables'),
      ...recordIn(recordIn(properties, 'Environment'), 'Variables'),
    }
    const code = codeOf(properties, folder)
    if (!code) withoutCode.push(id)
    functions.push([
      name,
      { arn: `\${stack:${output ?? `${id}Arn`}}`, ...(code && { ...code, ...envOf(variables) }) },
    ])
    tools.push([
      name,
      { function: name, ...(typeof Description === 'string' && { description: Description }) },
    ])
  }
  if (tools.length === 0)
    throw new AdminError('invalid_manifest', `${file} has no function`, {
      hint: 'Pass a template with resources of AWS::Serverless::Function or AWS::Lambda::Function.',
    })
  return {
    manifest: {
      stack: stack ?? `\${APP_STACK}`,
      functions: Object.fromEntries(functions),
      tools: Object.fromEntries(tools),
    },
    notes: [
      'Add "parameters" to each tool, and a "description" where it has none.',
      ...missing.map(
        id =>
          `The template has no output with the ARN of ${id}: add ${id}Arn: { Value: !GetAtt ${id}.Arn }`,
      ),
      ...withoutCode.map(
        id =>
          `${id} has no code that "mcp-lambda-sam local" can run, in JavaScript or Python: the manifest has its ARN only.`,
      ),
      ...(stack === undefined ? ['Set APP_STACK, or give --app-stack NAME.'] : []),
    ],
  }
}

/** Only what is a plain value: an intrinsic function has no value here. */
function codeOf(properties: Values, folder: string): ManifestFunction | undefined {
  const { CodeUri, Handler, Timeout, MemorySize } = properties
  const runtime = typeof properties['Runtime'] === 'string' ? properties['Runtime'] : undefined
  if (typeof Handler !== 'string') return undefined
  const code = typeof CodeUri === 'string' ? CodeUri : '.'
  const handler = join(folder, code, Handler).replaceAll('\\', '/')
  if (!runsHere(handler, runtime)) return undefined
  return {
    handler,
    ...(runtime !== undefined && { runtime }),
    ...(Number.isInteger(Timeout) && { timeout: Number(Timeout) }),
    ...(Number.isInteger(MemorySize) && { memory: Number(MemorySize) }),
  }
}

function envOf(variables: Values): Pick<ManifestFunction, 'env'> {
  const plain = Object.entries(variables).filter(
    (entry): entry is [string, string | number | boolean] => typeof entry[1] !== 'object',
  )
  return plain.length > 0 ? { env: Object.fromEntries(plain) } : {}
}

/** The key of the output that is the ARN of a resource. */
function outputOf(template: Values, id: string): string | undefined {
  const outputs = Object.entries(recordIn(template, 'Outputs'))
  const found = outputs.find(([, output]) => {
    const value = isRecord(output) ? output['Value'] : undefined
    if (!isRecord(value)) return false
    const attribute = value['Fn::GetAtt']
    const text = Array.isArray(attribute) ? attribute.join('.') : attribute
    return text === `${id}.Arn` || value['Fn::Sub'] === `\${${id}.Arn}`
  })
  return found?.[0]
}

function recordIn(value: unknown, key: string): Values {
  const found = isRecord(value) ? value[key] : undefined
  return isRecord(found) ? found : {}
}

/** The short forms of intrinsic functions, as `{ "Fn::…": value }`. */
const TAGS = ['Ref', 'Condition', 'Sub', 'GetAtt', 'Join', 'If', 'Select', 'Split', 'FindInMap']
  .concat(['ImportValue', 'Equals', 'And', 'Or', 'Not', 'Base64', 'Cidr', 'GetAZs', 'Transform'])
  .flatMap(name => {
    const key = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`
    const tag = `!${name}`
    return [
      { tag, resolve: (text: string) => ({ [key]: text }) },
      {
        tag,
        collection: 'seq' as const,
        resolve: (it: { toJSON(): unknown }) => ({ [key]: it.toJSON() }),
      },
      {
        tag,
        collection: 'map' as const,
        resolve: (it: { toJSON(): unknown }) => ({ [key]: it.toJSON() }),
      },
    ]
  })

function parseTemplate(text: string): Values {
  try {
    const value: unknown = parse(text, { customTags: TAGS as never, logLevel: 'error' })
    if (isRecord(value)) return value
    throw new Error('it is not a mapping')
  } catch (cause) {
    const message = `The template cannot be read: ${(cause as Error).message}`
    throw new AdminError('invalid_manifest', message, { cause })
  }
}
