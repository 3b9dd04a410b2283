import { TYPES } from '../api-schema.ts'
import { UsageError } from '../command-line/command.ts'
import { columns } from '../command-line/output.ts'
import { defineCommand } from './command.ts'
import { GATEWAY_OPTIONS, gatewayOf } from './gateway.ts'

export const listCommand = defineCommand({
  name: 'list',
  summary: 'list what is registered',
  usage: '[options]',
  help: 'Lists the registrations, sorted by type and name.',
  examples: ['list', 'list --type tool --owner weather-team', 'list --json'],
  options: {
    type: { type: 'string', value: '<type>', help: 'tool, resource or prompt' },
    owner: { type: 'string', value: '<name>', help: 'only those with this owner' },
    ...GATEWAY_OPTIONS,
  },
  async run(flags) {
    const type = TYPES.find(it => it === flags.type)
    if (flags.type !== undefined && !type)
      throw new UsageError(`--type takes ${TYPES.join(', ')}, not "${flags.type}"`)
    const admin = await gatewayOf(flags)
    const found = []
    for await (const it of admin.list(type && { type }))
      if (flags.owner === undefined || it.owner === flags.owner) found.push(it)
    if (flags.json) {
      console.log(JSON.stringify(found, null, 2))
      return 0
    }
    if (found.length === 0) {
      console.log(
        flags.owner === undefined && type === undefined
          ? 'Nothing is registered. "mcp-lambda-sam-admin apply" registers a manifest.'
          : 'Nothing of this type or owner is registered.',
      )
      return 0
    }
    const rows = found.map(it => [
      it.type,
      it.name,
      String(it.version),
      it.owner ?? '-',
      it.updatedAt.slice(0, 16).replace('T', ' '),
      it.lambdaArn.split(':').slice(6).join(':'),
    ])
    console.log(columns(['TYPE', 'NAME', 'VERSION', 'OWNER', 'UPDATED (UTC)', 'FUNCTION'], rows))
    return 0
  },
})

export const getCommand = defineCommand({
  name: 'get',
  summary: 'show one registration, and whether its function can be called',
  usage: '<id> [options]',
  help: 'Shows a registration by its id, <type>-<name>, as YAML.',
  examples: ['get tool-weather', 'get tool-weather --json'],
  argument: 'id',
  options: GATEWAY_OPTIONS,
  async run(flags, id) {
    if (!id) throw new UsageError('get takes an id, such as tool-weather')
    const admin = await gatewayOf(flags)
    const registration = await admin.get(id)
    if (flags.json) console.log(JSON.stringify(registration, null, 2))
    else console.log((await import('yaml')).stringify(registration).trimEnd())
    return 0
  },
})

export const schemaCommand = defineCommand({
  name: 'schema',
  summary: 'print the JSON Schema of manifests',
  usage: '',
  help: `Prints the JSON Schema of manifests. The package has it as a file too. With this first line, editors
that know the YAML language server complete and check a manifest:
# yaml-language-server: $schema=./node_modules/@markvp/mcp-lambda-sam-admin-client/dist/manifest.schema.json`,
  options: {},
  async run() {
    const { manifestJsonSchema } = await import('../manifest/schema.ts')
    console.log(JSON.stringify(manifestJsonSchema(), null, 2))
    return 0
  },
})
