import { DEPLOY_ERRORS, DeployError } from './errors.ts'
import type { Stack } from './stack.ts'
import type { StackEvent } from './stack-events.ts'

// The errors about the state of a stack, each with what to do.

export const stackBusy = (stackName: string, { status }: Stack, command = 'deploy') =>
  new DeployError('stack_busy', `The stack ${stackName} is being changed (${status})`, {
    hint: `Run "mcp-lambda-sam status --stack-name ${stackName}" to see when that has ended, then ${command} again.`,
  })

export const rollbackFailed = (stackName: string) =>
  new DeployError(
    'stack_unusable',
    `The stack ${stackName} could not go back to its previous state (UPDATE_ROLLBACK_FAILED)`,
    { hint: 'In the CloudFormation console choose "Continue update rollback", then deploy again.' },
  )

export const creationFailed = (
  stackName: string,
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

export const deletionFailed = (stackName: string, failure: StackEvent | undefined) =>
  new DeployError(
    'stack_failed',
    `The stack ${stackName} could not be deleted${because(failure)}`,
    {
      hint: 'Remove the obstacle that the message names, and try again.',
    },
  )

export const changeFailed = (
  stackName: string,
  stack: Stack | undefined,
  failure: StackEvent | undefined,
) =>
  new DeployError(
    'stack_failed',
    `The stack ${stackName} is ${stack?.status ?? 'gone'}: the deployment failed${because(failure)}`,
    { hint: hintFor(stack, failure) },
  )

export const deploymentAborted = (stackName: string, executed: boolean, cause: unknown) =>
  executed
    ? watchingAborted(`the deployment of ${stackName} goes on in CloudFormation`, stackName, cause)
    : new DeployError('aborted', 'Stopped; nothing was deployed', { cause })

export const watchingLost = (stackName: string, cause: DeployError) =>
  new DeployError(
    'connection_failed',
    `The connection to AWS was lost; the deployment of ${stackName} goes on in CloudFormation`,
    {
      hint: `Deploy again to watch it, or run "mcp-lambda-sam status --stack-name ${stackName}" to see how it ended. ${cause.hint}`,
      retryable: true,
      cause,
    },
  )

export const deletionAborted = (stackName: string, hasBegun: boolean, cause: unknown) =>
  hasBegun
    ? watchingAborted(`the deletion of ${stackName} goes on in CloudFormation`, stackName, cause)
    : new DeployError('aborted', 'Stopped; nothing was deleted', { cause })

const watchingAborted = (what: string, stackName: string, cause: unknown) =>
  new DeployError('aborted', `Stopped watching; ${what}`, {
    hint: `Run "mcp-lambda-sam status --stack-name ${stackName}" to see how it ends.`,
    cause,
  })

const because = (failure: StackEvent | undefined) =>
  failure
    ? ` at ${failure.logicalId} (${failure.type}): ${failure.reason ?? 'CloudFormation gives no reason'}`
    : ''

function hintFor(stack: Stack | undefined, failure: StackEvent | undefined): string {
  const reason = failure?.reason ?? ''
  const again = stack?.status.startsWith('UPDATE_')
    ? 'CloudFormation has restored the previous state; deploy again.'
    : 'Deploy again with --replace-failed, which deletes the failed stack first.'
  const first = HINTS.find(([pattern]) => pattern.test(reason))?.[1]
  return `${first ?? 'Correct what the message names.'} ${again}`
}

const HINTS: [RegExp, string][] = [
  [
    /already exists/i,
    'The name is in use: give another prefix with --parameter StackIdentifier=<prefix>.',
  ],
  [/not authorized|AccessDenied/i, DEPLOY_ERRORS.access_denied],
  [
    /concurren/i,
    'The account has not enough concurrency: reserve less, or ask AWS for a higher quota.',
  ],
]
