import { parse } from 'yaml'

import { codeFolder } from '../built-package.ts'
import { LocalError } from './errors.ts'
import { ACCOUNT, functionArn, REGION } from './function-arn.ts'
import type { LambdaFunction } from './lambda-function.ts'
import type { AuthType } from './url/function-url.ts'
import type { InvokeMode } from './url/http-response.ts'

/** The part of the template that runs locally. */
export interface Stack {
  /** By logical id. */
  functions: Record<string, StackFunction>
  tables: Table[]
}

export interface StackFunction extends LambdaFunction {
  /** Of its Function URL, as `mode`. */
  authType: AuthType
  mode: InvokeMode
  /** The ARN of its role. */
  role: string
}

/** The input of CreateTable. */
export interface Table {
  TableName: string
  KeySchema: unknown
  AttributeDefinitions: unknown
  BillingMode?: string
  GlobalSecondaryIndexes?: unknown
}

interface Template {
  Parameters?: Record<string, { Default?: string | number }>
  Globals?: { Function?: Partial<FunctionProperties> }
  Resources: Record<string, { Type: string; Properties: unknown }>
}

interface FunctionProperties {
  FunctionName: unknown
  Role: unknown
  CodeUri: string
  Handler: string
  Timeout: number
  MemorySize: unknown
  FunctionUrlConfig: { AuthType: AuthType; InvokeMode: InvokeMode }
  Environment?: { Variables: Record<string, unknown> }
  LoggingConfig?: { LogFormat?: 'JSON' | 'Text'; ApplicationLogLevel?: unknown }
}

/**
 * Reads a SAM template with the default values of its parameters. `dist` is the folder of the built
 * code. Throws a `LocalError` with the code `unsupported_template` for a reference that is unknown
 * locally.
 */
export function readStack(yaml: string, dist: string): Stack {
  const template: Template = parse(yaml, { customTags: TAGS, logLevel: 'error' })
  const resolve = resolver(template)
  const resources = <Properties>(type: string) =>
    Object.entries(template.Resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([id, { Properties }]) => [id, Properties as Properties] as const)

  return {
    functions: Object.fromEntries(
      // Only AWS itself, such as CloudFormation, calls a function without a URL.
      resources<FunctionProperties>('AWS::Serverless::Function')
        .filter(([, properties]) => properties.FunctionUrlConfig)
        .map(([id, properties]) => [
          id,
          toFunction({ ...template.Globals?.Function, ...properties }),
        ]),
    ),
    tables: resources<Table>('AWS::DynamoDB::Table').map(([id, properties]) => ({
      ...properties,
      TableName: resolve({ Ref: id }),
    })),
  }

  function toFunction(properties: FunctionProperties): StackFunction {
    const root = codeFolder(dist, properties.CodeUri)
    const variables = {
      ...template.Globals?.Function?.Environment?.Variables,
      ...properties.Environment?.Variables,
    }
    const { LogFormat: format, ApplicationLogLevel: level } = properties.LoggingConfig ?? {}
    return {
      name: resolve(properties.FunctionName),
      handler: properties.Handler,
      root,
      directory: root,
      timeout: properties.Timeout,
      memory: Number(resolve(properties.MemorySize)),
      authType: properties.FunctionUrlConfig.AuthType,
      mode: properties.FunctionUrlConfig.InvokeMode,
      role: resolve(properties.Role),
      variables: Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [name, resolve(value)]),
      ),
      ...(format && {
        logging: { format, ...(level !== undefined && { level: resolve(level) }) },
      }),
    }
  }
}

const TAGS = ['Ref', 'Sub', 'GetAtt'].map(name => ({
  tag: `!${name}`,
  resolve: (text: string) => ({ [name]: text }),
}))

/** Resolves references to the values that CloudFormation would give them. */
function resolver({ Parameters = {}, Resources }: Template) {
  const pseudo: Record<string, string> = {
    'AWS::AccountId': ACCOUNT,
    'AWS::Region': REGION,
    'AWS::Partition': 'aws',
  }
  return resolve

  function resolve(value: unknown): string {
    if (typeof value !== 'object' || value === null) return String(value)
    const { Ref, Sub, GetAtt } = value as { Ref?: string; Sub?: string; GetAtt?: string }
    if (Ref !== undefined) return reference(Ref)
    if (Sub !== undefined) return Sub.replace(/\$\{([^}]+)\}/g, (_, name) => reference(name))
    if (GetAtt !== undefined) return reference(GetAtt)
    throw unsupported(`value ${JSON.stringify(value)}`)
  }

  function reference(name: string): string {
    const [id = '', attribute] = name.split('.')
    const { Type: type, Properties } = Resources[id] ?? {}
    const parameter = Parameters[id]?.Default
    if (!attribute && parameter !== undefined) return String(parameter)
    if (!attribute && name in pseudo) return pseudo[name] ?? ''
    if (type === 'AWS::DynamoDB::Table') {
      const table = `${reference('StackIdentifier')}-${id}`
      return attribute === 'Arn' ? `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${table}` : table
    }
    if (type === 'AWS::Serverless::Function') {
      const { FunctionName } = Properties as FunctionProperties
      return attribute === 'Arn' ? functionArn(resolve(FunctionName)) : resolve(FunctionName)
    }
    if (type === 'AWS::IAM::Role' && attribute === 'Arn')
      return `arn:aws:iam::${ACCOUNT}:role/${reference('StackIdentifier')}-${id}`
    throw unsupported(`reference ${name}`)
  }
}

const unsupported = (what: string) =>
  new LocalError(
    'unsupported_template',
    `The local gateway does not know the ${what} in the template`,
    'Build from an unchanged template with "npm run build".',
  )
