import type { RegistrationStatus } from '../api-schema.ts'
import { UsageError } from '../command-line/command.ts'
import { paint, progressLine } from '../command-line/output.ts'
import type { AdminError, AdminErrorCode } from '../errors.ts'
import { defineCommand } from './command.ts'
import { GATEWAY_OPTIONS, gatewayOf } from './gateway.ts'

export const removeCommand = defineCommand({
  name: 'remove',
  summary: 'delete a registration',
  usage: '<id> [options]',
  help: `Deletes a registration by its id, <type>-<name>, and the invoke permission unless another registration
needs it.`,
  examples: ['remove tool-weather', 'remove tool-weather --dry-run'],
  argument: 'id',
  options: {
    'dry-run': { type: 'boolean', help: 'run every check, and change nothing' },
    ...GATEWAY_OPTIONS,
  },
  async run(flags, id) {
    if (!id) throw new UsageError('remove takes an id, such as tool-weather')
    const dryRun = flags['dry-run'] ?? false
    const admin = await gatewayOf(flags)
    const { warnings } = await admin.remove(id, { dryRun })
    if (flags.json) console.log(JSON.stringify({ id, warnings, ...(dryRun && { dryRun }) }))
    else console.log(`${id} ${dryRun ? 'would be' : 'is'} deleted`)
    for (const warning of warnings) console.error(paint(process.stderr, 'yellow', warning))
    return 0
  },
})

export const repairCommand = defineCommand({
  name: 'repair',
  summary: 'add missing invoke permissions again',
  usage: '<id>|--all [options]',
  help: `Adds the permission of the gateway to invoke the function of a registration, where it is missing.
Exits with 1 if a function still cannot be invoked.`,
  examples: ['repair tool-weather', 'repair --all'],
  argument: 'id',
  options: {
    all: { type: 'boolean', help: 'repair every registration' },
    'dry-run': { type: 'boolean', help: 'run every check, and change nothing' },
    ...GATEWAY_OPTIONS,
  },
  async run(flags, id) {
    if (!id === !flags.all)
      throw new UsageError('repair takes an id, such as tool-weather, or --all')
    const admin = await gatewayOf(flags)
    const ids = id ? [id] : []
    if (flags.all) for await (const it of admin.list()) ids.push(it.id)
    const progress = progressLine()
    const results: Repaired[] = []
    for (const [n, each] of ids.entries()) {
      try {
        const { status } = await admin.repair(each, { dryRun: flags['dry-run'] ?? false })
        results.push({ id: each, status })
      } catch (error) {
        progress.end()
        const { code, message } = error as AdminError
        if (!flags.all || !OF_ONE.includes(code)) throw error
        // Deleted since it was listed.
        if (code !== 'registration_not_found') results.push({ id: each, error: { code, message } })
      }
      if (ids.length > 1) progress.show('Repaired', n + 1, ids.length)
    }
    progress.end()
    const broken = results.filter(it => it.status?.state !== 'ready')
    if (flags.json) console.log(JSON.stringify(results, null, 2))
    else console.log(`${results.length - broken.length} of ${results.length} can be invoked`)
    for (const { id, status, error } of broken) {
      const problem = status?.state === 'ready' ? undefined : status
      const message = problem?.message ?? error?.message
      console.error(paint(process.stderr, 'yellow', `${id}: ${message}.`))
      for (const command of problem?.fix ?? []) console.error(`  ${command}`)
    }
    return broken.length > 0 ? 1 : 0
  },
})

interface Repaired {
  id: string
  status?: RegistrationStatus
  /** Why this registration cannot be repaired. */
  error?: Pick<AdminError, 'code' | 'message'>
}

/** Errors of one registration, after which the others can be repaired all the same. */
const OF_ONE: AdminErrorCode[] = ['registration_not_found', 'invalid_registration']
