import type { Registration } from '../api-schema.ts'
import { UsageError } from '../command-line/command.ts'
import { AdminError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { defineCommand } from './command.ts'
import { GATEWAY_OPTIONS, gatewayOf } from './gateway.ts'
import { manifestYaml } from './manifest-yaml.ts'

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'print a manifest of what is registered',
  usage: '[options]',
  help: `Prints a manifest with everything that is registered. Applying it to the same gateway changes nothing.
A manifest has one owner. Where there are several, choose one.`,
  examples: ['export > mcp.yaml', 'export --owner weather-team > mcp.yaml', 'export --no-owner'],
  options: {
    owner: { type: 'string', value: '<name>', help: 'only those with this owner' },
    'no-owner': { type: 'boolean', help: 'only those without an owner' },
    ...GATEWAY_OPTIONS,
  },
  async run(flags) {
    const { owner, 'no-owner': none = false } = flags
    if (owner !== undefined && none)
      throw new UsageError('--owner and --no-owner cannot be combined')
    const admin = await gatewayOf(flags)
    const all: Registration[] = []
    for await (const it of admin.list()) all.push(it)
    const chosen = all.filter(it =>
      none ? it.owner === undefined : owner === undefined || it.owner === owner,
    )
    const manifest = toManifest(chosen)
    console.log(
      flags.json ? JSON.stringify(manifest, null, 2) : (await manifestYaml(manifest)).trimEnd(),
    )
    return 0
  },
})

/** Rejects registrations of several owners, because a manifest has one. */
function toManifest(registrations: Registration[]): Manifest {
  const owners = [...new Set(registrations.map(it => it.owner))]
  if (owners.length > 1)
    throw new AdminError(
      'owner_conflict',
      `The registrations have several owners: ${owners.map(it => it ?? '(none)').join(', ')}`,
      { hint: 'Export one of them with "--owner NAME", or those without one with "--no-owner".' },
    )
  const [owner] = owners
  const of = (type: Registration['type']) => {
    const found = registrations.filter(it => it.type === type)
    return found.length > 0
      ? Object.fromEntries(found.map(it => [it.name, entryOf(it)]))
      : undefined
  }
  const [tools, resources, prompts] = [of('tool'), of('resource'), of('prompt')]
  return {
    ...(owner !== undefined && { owner }),
    ...(tools && { tools }),
    ...(resources && { resources }),
    ...(prompts && { prompts }),
  } as Manifest
}

/** Without what the server adds, and without the default. */
function entryOf(registration: Registration) {
  const {
    id,
    type,
    name,
    version,
    createdAt,
    updatedAt,
    createdBy,
    updatedBy,
    owner,
    contract,
    ...content
  } = registration
  return { ...content, ...(contract !== 'arguments' && { contract }) }
}
