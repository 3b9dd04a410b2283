import { DeployError } from './errors.ts'
import type { Stack } from './stack.ts'
import type { StackEvent } from './stack-events.ts'

/** What can be wrong with a stack, each with the way out. */

export const busy = (stackName: string, { status }: Stack) =>
  new DeployError(
    'stack_busy',
    `The stack ${stackName} is being changed (${status})`,
    `See "mcp-lambda-sam status --stack-name ${stackName}", and deploy again when that is over.`,
  )

export const stuck = (stackName: string) =>
  new DeployError(
    'failed_stack',
    `The stack ${stackName} could not go back to what it was (UPDATE_ROLLBACK_FAILED)`,
    'In the CloudFormation console choose "Continue update rollback", then deploy again.',
  )

export const unusable = (stackName: string, { status }: Stack, failure: StackEvent | undefined) =>
  new DeployError(
    'failed_stack',
    `The stack ${stackName} is ${status}: an earlier attempt to make it failed${because(failure)}. CloudFormation can do nothing with it but delete it`,
    'Correct what failed and deploy again with --replace-failed, which deletes it first.',
  )

export const undeletable = (stackName: string, failure: StackEvent | undefined) =>
  new DeployError(
    'stack_failed',
    `The stack ${stackName} could not be deleted${because(failure)}`,
    'Remove what the reason names, or allow it, and try again.',
  )

export const failed = (stackName: string, stack: Stack | undefined, failure?: StackEvent) =>
  new DeployError(
    'stack_failed',
    `The stack ${stackName} is ${stack?.status ?? 'gone'}: it failed${because(failure)}`,
    remedy(stack, failure),
  )

export const aborted = (stackName: string, executed: boolean, cause: unknown) =>
  executed
    ? new DeployError(
        'aborted',
        `Stopped watching; the deployment of ${stackName} goes on in CloudFormation`,
        `See how it is with "mcp-lambda-sam status --stack-name ${stackName}".`,
        { cause },
      )
    : new DeployError('aborted', 'Stopped; nothing was deployed', 'Deploy again to go on.', {
        cause,
      })

const because = (failure: StackEvent | undefined) =>
  failure
    ? ` at ${failure.logicalId} (${failure.type}): ${failure.reason ?? 'no reason is given'}`
    : ''

function remedy(stack: Stack | undefined, failure: StackEvent | undefined): string {
  const reason = failure?.reason ?? ''
  const again = stack?.status.startsWith('UPDATE_')
    ? 'CloudFormation went back to what was there before; deploy again.'
    : 'Deploy again with --replace-failed, which deletes what is left first.'
  const first = REMEDIES.find(([pattern]) => pattern.test(reason))?.[1]
  return `${first ?? 'Correct what the reason names.'} ${again}`
}

const REMEDIES: [RegExp, string][] = [
  [
    /already exists/i,
    'Something of that name is there already: give another --parameter StackIdentifier=<prefix>.',
  ],
  [
    /not authorized|AccessDenied/i,
    'The credentials need that right too; docs/administrators.md lists them.',
  ],
  [
    /concurren/i,
    'The concurrency of the account does not suffice: reserve less, or ask AWS for more.',
  ],
]
