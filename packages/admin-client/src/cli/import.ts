import { writeFile } from 'node:fs/promises'

import { UsageError } from '../command-line/command.ts'
import { paint } from '../command-line/output.ts'
import { AdminError } from '../errors.ts'
import type { Imported } from '../import/imported.ts'
import { readTextFile } from '../text-file.ts'
import { defineCommand } from './command.ts'
import { awsOptions, GATEWAY_OPTIONS } from './gateway.ts'
import { manifestYaml } from './manifest-yaml.ts'

const { region, profile } = GATEWAY_OPTIONS

export const importCommand = defineCommand({
  name: 'import',
  summary: 'write a manifest of functions that exist, to review',
  usage: '--prefix <text>|--tag <key[=value]>|--agentcore <file>|--sam <template> [options]',
  help: `Writes a manifest of functions that exist. It registers nothing: review it, describe the parameters, then
apply it. --prefix and --tag call ListFunctions. --agentcore reads the JSON of AgentCore Gateway targets, with
their tools and schemas. --sam reads a SAM template.`,
  examples: [
    'import --prefix weather- --out mcp.yaml',
    'import --tag mcp=true',
    'import --agentcore target.json',
    'import --sam template.yaml --app-stack weather',
  ],
  options: {
    prefix: { type: 'string', value: '<text>', help: 'functions whose names begin so' },
    tag: { type: 'string', value: '<key[=value]>', help: 'functions with this tag' },
    agentcore: { type: 'string', value: '<file>', help: 'targets of an AgentCore Gateway' },
    sam: { type: 'string', value: '<template>', help: 'functions of a SAM template' },
    'app-stack': {
      type: 'string',
      value: '<name>',
      help: 'with --sam: the stack that is deployed from the template',
    },
    owner: { type: 'string', value: '<name>', help: 'the owner in the manifest' },
    out: { type: 'string', value: '<file>', help: 'write to this new file (default: stdout)' },
    region,
    profile,
  },
  async run(flags) {
    const { prefix, tag, agentcore, sam, owner, out } = flags
    if ([prefix, tag, agentcore, sam].filter(it => it !== undefined).length !== 1)
      throw new UsageError('import takes one of --prefix, --tag, --agentcore and --sam')
    const { manifest, notes } = await found()
    const text = await manifestYaml({ ...(owner !== undefined && { owner }), ...manifest })
    if (out === undefined) console.log(text.trimEnd())
    else
      await writeFile(out, text, { flag: 'wx' }).catch(cause => {
        throw new AdminError('invalid_manifest', `${out} cannot be written: ${cause.message}`, {
          hint: 'Name a file that does not exist yet.',
          cause,
        })
      })
    for (const note of notes) console.error(paint(process.stderr, 'yellow', note))
    return 0

    async function found(): Promise<Imported> {
      if (agentcore !== undefined) {
        const { fromAgentCore } = await import('../import/agentcore.ts')
        return fromAgentCore(await read(agentcore))
      }
      if (sam !== undefined) {
        const { fromSamTemplate } = await import('../import/sam-template.ts')
        return fromSamTemplate(await read(sam), { file: sam, stack: flags['app-stack'], out })
      }
      const { listFunctions, taggedFunctions } = await import('../aws/functions.ts')
      const { fromFunctions } = await import('../import/functions.ts')
      const all = await listFunctions(awsOptions(flags))
      if (prefix !== undefined)
        return fromFunctions(all.filter(it => it.FunctionName.startsWith(prefix)))
      const [key = '', ...value] = (tag ?? '').split('=')
      const tagged = await taggedFunctions(
        awsOptions(flags),
        key,
        value.length > 0 ? value.join('=') : undefined,
      )
      return fromFunctions(all.filter(it => tagged.has(it.FunctionArn)))
    }
  },
})

const read = (file: string) =>
  readTextFile(file).catch(cause => {
    throw new AdminError('invalid_manifest', `${file} cannot be read: ${cause.message}`, {
      hint: 'Name a file that exists.',
      cause,
    })
  })
