import { isRecord } from '../../is-record.ts'
import type {
  Configuration,
  ConfiguredFunction,
  EsbuildProperties,
} from '../functions/configured-source.ts'
import { type Resolver, resolver, type Template, type TemplateResource } from './intrinsics.ts'

const TYPES = ['AWS::Serverless::Function', 'AWS::Lambda::Function']

/** The functions of a SAM or CloudFormation template. `parameters` are values by name. */
export function templateFunctions(
  template: Template,
  parameters: Record<string, string>,
): Configuration {
  const warnings: string[] = []
  const resources = Object.entries(template.Resources ?? {}).filter(
    (entry): entry is [string, TemplateResource] => TYPES.includes(String(entry[1]?.Type)),
  )
  const names = new Map<string, string>()
  const values = resolver(template, parameters, id => names.get(id))
  for (const [id, { Properties }] of resources) names.set(id, nameOf(id, Properties, values))
  for (const name of Object.keys(parameters))
    if (!name.startsWith('AWS::') && !template.Parameters?.[name])
      warnings.push(`The template has no parameter ${name}`)

  const functions = resources.flatMap(([logicalId, resource]) => {
    if (!values.exists(resource)) return []
    const fn = toFunction(logicalId, resource)
    if (typeof fn !== 'string') return [fn]
    warnings.push(`${logicalId} does not run here: ${fn}`)
    return []
  })
  return { functions, warnings }

  /** The function, or the reason why it does not run here. */
  function toFunction(logicalId: string, resource: TemplateResource): ConfiguredFunction | string {
    const globals = template.Globals?.['Function']
    const isServerless = resource.Type === 'AWS::Serverless::Function'
    const own = isRecord(resource.Properties) ? resource.Properties : {}
    const all = isServerless && isRecord(globals) ? { ...globals, ...own } : own
    const name = names.get(logicalId) ?? logicalId
    const get = (property: string) =>
      values.resolve(all[property], what =>
        warnings.push(`${logicalId}: ${property} is not known here, since it uses ${what}`),
      )

    if (get('PackageType') === 'Image' || all['ImageUri']) return 'it is a container image'
    const runtime = String(get('Runtime') ?? '')
    if (!/^(nodejs|python)\d/.test(runtime))
      return `its runtime is ${runtime || 'not given'}, and only Node.js and Python run here`
    const code = codeOf(all, get)
    if (typeof code === 'string') return code
    const layers = get('Layers')
    if (Array.isArray(layers) && layers.length > 0)
      warnings.push(
        layers.length === 1
          ? `${logicalId} has a layer, which is not loaded here: install its packages beside the code`
          : `${logicalId} has ${layers.length} layers, which are not loaded here: install their packages beside the code`,
      )
    const concurrency = get('ReservedConcurrentExecutions')
    const esbuild = esbuildOf(logicalId, resource)
    const logging = get('LoggingConfig')
    const tenancy = get('TenancyConfig')
    return {
      name,
      title: logicalId,
      runtime,
      code,
      timeout: Number(get('Timeout') ?? 3),
      memory: Number(get('MemorySize') ?? 128),
      isolatesTenants: isRecord(tenancy) && tenancy['TenantIsolationMode'] === 'PER_TENANT',
      variables: variablesOf(logicalId, [isServerless ? globals : undefined, own]),
      ...(concurrency !== undefined && { concurrency: Number(concurrency) }),
      ...(esbuild && { esbuild }),
      ...(isRecord(logging) &&
        logging['LogFormat'] === 'JSON' && { logging: jsonLogging(logging) }),
    }
  }

  function variablesOf(logicalId: string, levels: unknown[]): Record<string, string> {
    const variables: Record<string, string> = {}
    for (const level of levels) {
      const environment = isRecord(level) ? level['Environment'] : undefined
      const given = isRecord(environment) ? environment['Variables'] : undefined
      if (!isRecord(given)) continue
      for (const [name, value] of Object.entries(given)) {
        delete variables[name]
        const known = values.resolve(value, what =>
          warnings.push(
            `${logicalId}: the variable ${name} is not set, since it uses ${what}. Set it with --env ${name}=<value>`,
          ),
        )
        if (known !== undefined && known !== null) variables[name] = String(known)
      }
    }
    return variables
  }

  function esbuildOf(logicalId: string, resource: TemplateResource): EsbuildProperties | undefined {
    const metadata = values.resolve(resource.Metadata, what =>
      warnings.push(`${logicalId}: Metadata is not known here, since it uses ${what}`),
    )
    if (!isRecord(metadata) || metadata['BuildMethod'] !== 'esbuild') return undefined
    const properties = metadata['BuildProperties']
    const { EntryPoints, Format, External } = isRecord(properties) ? properties : {}
    const texts = (list: unknown) => (Array.isArray(list) ? list.map(String) : [])
    return {
      entryPoints: texts(EntryPoints),
      format: Format === 'esm' ? 'esm' : 'cjs',
      external: texts(External),
    }
  }
}

function jsonLogging({ ApplicationLogLevel: level }: Record<string, unknown>) {
  return { format: 'JSON' as const, ...(typeof level === 'string' && { level }) }
}

/** `FunctionName`, where it is known; else the logical id. */
function nameOf(logicalId: string, properties: unknown, { resolve }: Resolver): string {
  const given = isRecord(properties) ? properties['FunctionName'] : undefined
  const name = given === undefined ? undefined : resolve(given, () => {})
  return typeof name === 'string' && /^[\w-]{1,64}$/.test(name) ? name : logicalId
}

function codeOf(
  all: Record<string, unknown>,
  get: (property: string) => unknown,
): ConfiguredFunction['code'] | string {
  const handler = String(get('Handler') ?? 'index.handler')
  if (typeof all['InlineCode'] === 'string') return { inline: all['InlineCode'], handler }
  const code = get('CodeUri') ?? get('Code')
  const inline = isRecord(code) ? code['ZipFile'] : undefined
  if (typeof inline === 'string') return { inline, handler }
  if (code === undefined || code === null) return { folder: '.', handler }
  if (typeof code !== 'string' || /^(s3|https?):/.test(code))
    return 'its code is in S3, not on this machine'
  return { folder: code, handler }
}
