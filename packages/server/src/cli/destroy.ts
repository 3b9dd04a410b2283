import type { Destruction } from '../deploy/destroy.ts'
import { placeOptions } from '../deploy/place.ts'
import { defineCommand, printResult, UsageError } from './command.ts'
import { eventLine } from './render.ts'
import { STACK_OPTIONS, stackOf } from './stack-options.ts'
import { interruptible, isInteractive, NO_QUESTIONS, NO_TERMINAL } from './terminal.ts'

export const destroyCommand = defineCommand({
  name: 'destroy',
  summary: 'delete the stack',
  usage: '[options]',
  help: `Deletes the stack, after it has asked for confirmation. The table of registrations stays, and so
does the bucket with the code.`,
  options: {
    yes: { type: 'boolean', help: 'ask no questions; for pipelines' },
    'delete-registrations': { type: 'boolean', help: 'delete the table of registrations too' },
    ...STACK_OPTIONS,
  },
  async run(flags) {
    if (!flags.yes && (flags.json || !isInteractive()))
      throw new UsageError(
        `${flags.json ? NO_QUESTIONS : NO_TERMINAL}: give --yes to delete the stack.`,
      )
    const deleteRegistrations = flags['delete-registrations'] ?? false
    const [{ confirm }, { destroy }] = await Promise.all([
      import('./prompts.ts'),
      import('../deploy/destroy.ts'),
    ])
    const destruction = await interruptible(signal =>
      destroy({
        ...stackOf(flags),
        deleteRegistrations,
        signal,
        onEvent: event => console.error(eventLine(event)),
        ...(!flags.yes && {
          confirm: ({ stackName, region, table }) =>
            confirm(
              `Delete the stack ${stackName} in ${region}${deleteRegistrations && table ? `, and every registration in ${table}` : ''}?`,
              { stopped: 'nothing was deleted' },
            ),
        }),
      }),
    )
    printResult(flags, destruction, () => resultText(destruction, flags.profile))
    return destruction.status === 'declined' ? 1 : 0
  },
})

function resultText(
  { status, stackName, region, table }: Destruction,
  profile: string | undefined,
): string {
  const place = `${stackName} in ${region}`
  if (status === 'missing') return `There is no stack ${place}.`
  if (status === 'declined') return 'Nothing was deleted.'
  return [
    `Deleted ${place}.`,
    ...(table ? [tableText(table, placeOptions({ region, profile }))] : []),
  ].join(' ')
}

function tableText({ name, deleted }: { name: string; deleted: boolean }, where: string): string {
  return deleted
    ? `The table ${name} is deleted too.`
    : `The registrations are kept in the table ${name}; "aws dynamodb delete-table --table-name ${name} ${where}" deletes them.`
}
