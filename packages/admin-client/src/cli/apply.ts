import { UsageError } from '../command-line/command.ts'
import { loadingFile } from '../command-line/loading.ts'
import { paint, progressLine } from '../command-line/output.ts'
import type { Applied, Plan, PlanOptions } from '../plan/plan.ts'
import { defineCommand } from './command.ts'
import { GATEWAY_OPTIONS, type GatewayFlags, gatewayOf } from './gateway.ts'

const DEFAULT_FILE = 'mcp.yaml'

const PLAN_OPTIONS = {
  owner: {
    type: 'string',
    value: '<name>',
    help: 'the label of these registrations (default: "owner" of the manifest)',
  },
  prune: { type: 'boolean', help: 'delete what has this owner and is not in the manifest' },
  'max-deletes': {
    type: 'string',
    value: '<number>',
    help: 'refuse a plan that deletes more (default: 10)',
  },
  'take-over': { type: 'boolean', help: 'change registrations of other owners too' },
  ...GATEWAY_OPTIONS,
} as const

interface PlanFlags extends GatewayFlags {
  owner?: string
  prune?: boolean
  'max-deletes'?: string
  'take-over'?: boolean
  json?: boolean
}

const FILE = `FILE is YAML, JSON, or a JavaScript or TypeScript module (default: ${DEFAULT_FILE}).`

export const planCommand = defineCommand({
  name: 'plan',
  summary: 'show what apply would change',
  usage: '[<file>] [options]',
  help: `Compares a manifest with what is registered, and changes nothing. The server runs every check.
${FILE}
Exit code: 0 no changes, 2 changes, 1 error.`,
  examples: ['plan', 'plan mcp.yaml --prune', 'plan mcp.yaml --markdown > comment.md'],
  argument: 'file',
  options: {
    markdown: { type: 'boolean', help: 'print Markdown, for a comment on a pull request' },
    ...PLAN_OPTIONS,
  },
  async run(flags, file) {
    const plan = await planOf(flags, file)
    if (flags.json) console.log(JSON.stringify(plan, null, 2))
    else console.log(flags.markdown ? plan.toText('markdown') : coloured(plan.toText()))
    return plan.hasChanges ? 2 : 0
  },
})

export const applyCommand = defineCommand({
  name: 'apply',
  summary: 'register what a manifest lists, in batches',
  usage: '[<file>] [options]',
  help: `Creates and replaces the registrations of a manifest, and adds the invoke permissions. Everything is
checked before the first change. Running it again changes nothing; after an interruption it completes the rest.
${FILE}`,
  examples: ['apply', 'apply mcp.yaml --owner weather-team --prune --max-deletes 3'],
  argument: 'file',
  options: PLAN_OPTIONS,
  async run(flags, file) {
    const plan = await planOf(flags, file)
    if (!flags.json && plan.hasChanges) console.log(coloured(plan.toText()))
    const progress = progressLine()
    const applied = await plan
      .apply({ onProgress: ({ done, total }) => progress.show('Applied', done, total) })
      .finally(progress.end)
    console.log(flags.json ? JSON.stringify(applied, null, 2) : appliedText(applied))
    if (!flags.json) showProblems(applied)
    return 0
  },
})

async function planOf(flags: PlanFlags, file = DEFAULT_FILE): Promise<Plan> {
  const { owner, prune = false, 'take-over': takeOver = false } = flags
  const maxDeletes = numberIn(flags['max-deletes'])
  const [{ loadManifest }, { commandVariables }] = await Promise.all([
    import('../manifest/load.ts'),
    import('./variables.ts'),
  ])
  const { manifest } = await loadingFile(file, () => loadManifest(file))
  const admin = await gatewayOf(flags)
  const progress = progressLine()
  const options: PlanOptions = {
    prune,
    takeOver,
    variables: commandVariables(flags),
    onProgress: ({ done, total }) => progress.show('Checked', done, total),
    ...(owner !== undefined && { owner }),
    ...(maxDeletes !== undefined && { maxDeletes }),
  }
  return admin.plan(manifest, options).finally(progress.end)
}

function numberIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new UsageError(`--max-deletes takes a number, not "${text}"`)
}

const COLOURS = { '+': 'green', '!': 'yellow', '*': 'yellow', '-': 'red' } as const

function coloured(text: string): string {
  return text
    .split('\n')
    .map(line => {
      const colour = COLOURS[line[0] as keyof typeof COLOURS]
      return colour && line[1] === ' ' ? paint(process.stdout, colour, line) : line
    })
    .join('\n')
}

function appliedText({ created, updated, deleted, repaired, unchanged }: Applied): string {
  const repairs = repaired.length > 0 ? `${repaired.length} repaired, ` : ''
  return `${created.length} created, ${updated.length} updated, ${deleted.length} deleted, ${repairs}${unchanged.length} unchanged`
}

function showProblems({ notReady, warnings }: Applied) {
  for (const { id, message } of warnings)
    console.error(paint(process.stderr, 'yellow', `${id}: ${message}`))
  for (const { id, status } of notReady) {
    console.error(paint(process.stderr, 'yellow', `${id} cannot be called yet: ${status.message}.`))
    for (const command of status.fix) console.error(`  ${command}`)
  }
}
