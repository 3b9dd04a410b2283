import { accessDeniedHint, DeployError } from './errors.ts'
import { type Place, placeOptions } from './place.ts'
import type { Stack } from './stack.ts'
import type { Begun, StackEvent } from './stack-events.ts'

// The errors about the state of a stack, each with what to do.

const command = (name: string, place: Place) => `"mcp-lambda-sam ${name} ${placeOptions(place)}"`

export const stackBusy = (place: Place, { status }: Stack, again = 'deploy') =>
  new DeployError('stack_busy', `The stack ${place.stackName} is being changed (${status})`, {
    hint: `Run ${command('status', place)} to see when that has ended, then ${again} again.`,
  })

/** Undefined where a deployment can begin. */
export function notUpdatable({ stackName }: Place, { status }: Stack): DeployError | undefined {
  const rescue = RESCUES[status]
  return rescue && new DeployError('stack_unusable', `The stack ${stackName} is ${status}`, rescue)
}

/** States of a stack that was created, from which CloudFormation updates nothing. */
const RESCUES: Record<string, { hint: string }> = {
  UPDATE_FAILED: {
    hint: 'An update failed, and its rollback is turned off. In the CloudFormation console choose "Roll back", then deploy again.',
  },
  UPDATE_ROLLBACK_FAILED: {
    hint: 'The stack could not go back to its previous state. In the CloudFormation console choose "Continue update rollback", then deploy again.',
  },
}

export const creationFailed = (
  { stackName }: Place,
  { status }: Stack,
  failure: StackEvent | undefined,
) =>
  new DeployError(
    'stack_unusable',
    `The stack ${stackName} is ${status}: an earlier attempt to create it failed${because(failure)}. CloudFormation can only delete it`,
    {
      hint: 'Correct the cause and deploy again with --replace-failed, which deletes the stack first.',
    },
  )

export const notDeleted = (place: Place, { status }: Stack, failure: StackEvent | undefined) =>
  new DeployError(
    'stack_unusable',
    `The stack ${place.stackName} is ${status}: an earlier attempt to delete it failed${because(failure)}`,
    {
      hint: `Remove the obstacle that the message names. Then delete the stack with ${command('destroy', place)}, or deploy with --replace-failed, which deletes it first. The table of registrations stays, and a new stack gets an empty one.`,
    },
  )

export const deletionFailed = ({ stackName }: Place, failure: StackEvent | undefined) =>
  new DeployError(
    'stack_failed',
    `The stack ${stackName} could not be deleted${because(failure)}`,
    {
      hint: `${firstHint(failure) ?? 'Remove the obstacle that the message names.'} Then try again.`,
    },
  )

export const deletionRefused = (place: Place) =>
  new DeployError(
    'invalid_option',
    `The stack ${place.stackName} has termination protection, so it cannot be deleted`,
    {
      hint: `If it may be deleted, run "aws cloudformation update-termination-protection --no-enable-termination-protection ${placeOptions(place)}" first.`,
    },
  )

export const tableKept = (place: Place, table: string, cause: DeployError) =>
  new DeployError(
    cause.code,
    `The stack ${place.stackName} is deleted, and its table of registrations ${table} is not: ${cause.message}`,
    {
      hint: `Delete the table with "aws dynamodb delete-table --table-name ${table} ${placeOptions({ ...place, stackName: '' })}". ${cause.hint}`,
      cause,
    },
  )

/** The error of a change set that another change has made void; else the same error. */
export const overtaken = ({ stackName }: Place, error: unknown): unknown =>
  error instanceof Error && /^(ChangeSetNotFound|InvalidChangeSetStatus)/.test(error.name)
    ? new DeployError('stack_busy', `The stack ${stackName} has been changed meanwhile`, {
        hint: 'Another deployment was quicker. Deploy again: it shows the changes that are left.',
        cause: error,
      })
    : error

export const changeFailed = (
  { stackName }: Place,
  stack: Stack | undefined,
  failure: StackEvent | undefined,
) =>
  new DeployError(
    'stack_failed',
    `The stack ${stackName} is ${stack?.status ?? 'gone'}: the deployment failed${because(failure)}`,
    {
      hint: `${firstHint(failure) ?? 'Correct what the message names.'} ${againHint(stack)}`,
    },
  )

const GOES_ON = { unknown: 'may have begun', yes: 'goes on' }

export const deploymentAborted = (place: Place, begun: Begun, cause: unknown) =>
  begun === 'no'
    ? new DeployError('aborted', 'Stopped; nothing was deployed', { cause })
    : watchingAborted('deployment', place, begun, cause)

export const deletionAborted = (place: Place, begun: Begun, cause: unknown) =>
  begun === 'no'
    ? new DeployError('aborted', 'Stopped; nothing was deleted', { cause })
    : watchingAborted('deletion', place, begun, cause)

type Change = 'deployment' | 'deletion'

const watchingAborted = (
  change: Change,
  place: Place,
  begun: keyof typeof GOES_ON,
  cause: unknown,
) =>
  new DeployError(
    'aborted',
    `Stopped watching; the ${change} of ${place.stackName} ${GOES_ON[begun]} in CloudFormation`,
    { hint: `Run ${command('status', place)} to see how it ends.`, cause },
  )

/** The request that watches the change failed, and not the change. */
export function watchingLost(
  change: Change,
  place: Place,
  begun: keyof typeof GOES_ON,
  cause: DeployError,
): DeployError {
  const why =
    cause.code === 'connection_failed'
      ? 'The connection to AWS was lost'
      : `AWS refuses to tell more (${cause.message.replace(/\.$/, '')})`
  const look = `un ${command('status', place)} to see how it ended.`
  const again = change === 'deployment' ? `Deploy again to watch it, or r${look}` : `R${look}`
  return new DeployError(
    cause.code,
    `${why}; the ${change} of ${place.stackName} ${GOES_ON[begun]} in CloudFormation`,
    {
      hint: `${cause.hint} ${again}`,
      retryable: cause.retryable,
      cause,
    },
  )
}

const because = (failure: StackEvent | undefined) =>
  failure
    ? ` at ${failure.logicalId} (${failure.type}): ${(failure.reason ?? 'CloudFormation gives no reason').replace(/\.$/, '')}`
    : ''

function againHint(stack: Stack | undefined): string {
  const { status = 'DELETE_COMPLETE' } = stack ?? {}
  const rescue = RESCUES[status]
  if (rescue) return rescue.hint
  if (/^(UPDATE|IMPORT)_/.test(status))
    return 'CloudFormation has restored the previous state; deploy again.'
  if (status.startsWith('DELETE_')) return 'The stack was deleted meanwhile; deploy again.'
  return 'Deploy again with --replace-failed, which deletes the failed stack first.'
}

const firstHint = ({ reason = '' }: Partial<StackEvent> = {}) =>
  HINTS.find(([pattern]) => pattern.test(reason))?.[1] ?? accessDeniedHint(reason)

const HINTS: [RegExp, string][] = [
  [
    /export .*in use/i,
    'Other stacks import that value: delete them, or let them import it no longer.',
  ],
  [
    /already (exported|exists)/i,
    'The name is in use: give another prefix with --parameter StackIdentifier=<prefix>.',
  ],
  [
    /environment variables .*4KB/i,
    'Instructions, AllowedOrigins and RequestStateKeys are too long together: shorten one of them.',
  ],
  [
    /concurren/i,
    'The account has not enough concurrency: reserve less, or ask AWS for a higher quota.',
  ],
]
