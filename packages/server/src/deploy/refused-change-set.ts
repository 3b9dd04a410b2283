import {
  type CloudFormationClient,
  DescribeEventsCommand,
  type OperationEvent,
} from '@aws-sdk/client-cloudformation'

import { DEPLOY_ERRORS, DeployError } from './errors.ts'

/**
 * The error for a change set that CloudFormation refused. Its status only names the checks that
 * failed, such as `AWS::EarlyValidation::ResourceExistenceCheck`. The events of the change set name
 * the resources. Reads them, so call it before the change set is deleted.
 */
export async function refusedChangeSet(
  cloudformation: CloudFormationClient,
  changeSetId: string,
  reason: string,
  signal: AbortSignal | undefined,
): Promise<DeployError> {
  const { details, problem } = await readDetails(cloudformation, changeSetId, signal)
  return new DeployError('change_set_failed', messageOf(reason, details), {
    hint: [hintOf(reason, details), problem && problemHint(problem)].filter(Boolean).join(' '),
  })
}

/** The error for a request that CloudFormation refuses before it makes a change set. */
export function refusedRequest(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'ValidationError') return error
  const { message } = error
  const isBusy = /\b[A-Z_]+_IN_PROGRESS\b/.test(message)
  return new DeployError(
    isBusy ? 'stack_busy' : 'change_set_failed',
    `CloudFormation refused the change set: ${message}`,
    { cause: error },
  )
}

interface Details {
  /** One line for each failed check of a resource. */
  details: string[]
  /** Why the events could not be read. The refusal stays the error. */
  problem?: string
}

async function readDetails(
  cloudformation: CloudFormationClient,
  changeSetId: string,
  signal: AbortSignal | undefined,
): Promise<Details> {
  const details = new Set<string>()
  let token: string | undefined
  try {
    for (let page = 0; page < MAX_PAGES; page++) {
      const { OperationEvents = [], NextToken } = await cloudformation.send(
        new DescribeEventsCommand({
          // The ARN. The API refuses the name of a change set.
          ChangeSetName: changeSetId,
          Filters: { FailedEvents: true },
          NextToken: token,
        }),
        { abortSignal: signal },
      )
      for (const event of OperationEvents) {
        const detail = detailOf(event)
        if (detail) details.add(detail)
      }
      token = NextToken
      if (!token) break
    }
    return { details: [...details] }
  } catch (error) {
    signal?.throwIfAborted()
    return { details: [...details], problem: String((error as Error).message || error) }
  }
}

const MAX_PAGES = 10
const MAX_DETAILS = 20

/** Undefined for an event that explains nothing, and for a check that only warns. */
function detailOf(event: OperationEvent): string | undefined {
  if (event.ValidationFailureMode === 'WARN' || event.HookFailureMode === 'WARN') return undefined
  const reason =
    event.ValidationStatusReason ?? event.HookStatusReason ?? event.ResourceStatusReason
  if (!reason) return undefined
  const { LogicalResourceId, ResourceType, PhysicalResourceId: name } = event
  const type = ResourceType ? ` (${ResourceType})` : ''
  const where = LogicalResourceId ? `${LogicalResourceId}${type}: ` : ''
  const named = name && !reason.includes(name) ? `${name}: ` : ''
  return `${where}${named}${reason.trim()}`
}

function messageOf(reason: string, details: string[]): string {
  const refused = `CloudFormation refused the change set: ${reason}`
  if (details.length === 0) return refused
  const shown = details.slice(0, MAX_DETAILS).map(it => `\n  ${it}`)
  const more = details.length - shown.length
  if (more > 0) shown.push(`\n  and ${more} more`)
  // CloudFormation's advice to call the API that was just called.
  return `${refused.replace(/\s*To troubleshoot Early Validation errors.*$/s, '')}${shown.join('')}`
}

function hintOf(reason: string, details: string[]): string {
  const isTaken = details.length > 0 ? details.some(it => EXISTS.test(it)) : EXISTS.test(reason)
  return isTaken ? NAME_TAKEN : DEPLOY_ERRORS.change_set_failed
}

const EXISTS = /already exists|ResourceExistenceCheck/i

const NAME_TAKEN =
  'Nothing was changed. A name of the stack belongs to a resource outside of the stack: give another prefix with --parameter StackIdentifier=<prefix>, or delete that resource, and deploy again.'

const problemHint = (problem: string) =>
  `The events of the change set have the details, and they could not be read: ${problem.replace(/\.$/, '')}. Allow cloudformation:DescribeEvents to see them.`
