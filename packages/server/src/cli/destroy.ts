import { destroy } from '../deploy/destroy.ts'
import { interruptible, isInteractive, parse, STACK_HELP, STACK_OPTIONS } from './options.ts'
import { eventLine } from './render.ts'
import { UsageError } from './usage.ts'

const HELP = `mcp-lambda-sam destroy [options]

Deletes the stack, after asking. The table of registrations stays, and so does the bucket of the code.

Options
  --yes                    asks nothing; for pipelines
  --delete-registrations   deletes the table of registrations too
${STACK_HELP}
`

export async function destroyStack(args: string[]): Promise<number> {
  const flags = parse('destroy', args, {
    ...STACK_OPTIONS,
    yes: { type: 'boolean', default: false },
    'delete-registrations': { type: 'boolean', default: false },
  })
  if (flags.help) {
    console.log(HELP.trimEnd())
    return 0
  }
  if (!flags.yes && !isInteractive())
    throw new UsageError('Nobody can be asked here: give --yes to delete the stack.')
  const deleteRegistrations = flags['delete-registrations']
  const { confirm } = await import('./prompts.ts')

  const { status, region, table } = await interruptible(signal =>
    destroy({
      stackName: flags['stack-name'],
      region: flags.region,
      profile: flags.profile,
      deleteRegistrations,
      signal,
      onEvent: event => console.error(eventLine(event)),
      ...(!flags.yes && {
        confirm: ({ stackName, region, table }) =>
          confirm(
            `Delete the stack ${stackName} in ${region}${deleteRegistrations && table ? `, and every registration in ${table}` : ''}?`,
          ),
      }),
    }),
  )
  const place = `${flags['stack-name']} in ${region}`
  if (status === 'missing') console.log(`There is no stack ${place}.`)
  else if (status === 'declined') console.log(`Nothing was deleted.`)
  else console.log(`Deleted ${place}.${table ? ` ${aboutTable(table)}` : ''}`)
  return status === 'declined' ? 1 : 0
}

function aboutTable({ name, deleted }: { name: string; deleted: boolean }): string {
  return deleted
    ? `The table ${name} is deleted too.`
    : `The registrations are kept in the table ${name}; "aws dynamodb delete-table --table-name ${name}" deletes them.`
}
