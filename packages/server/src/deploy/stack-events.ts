import {
  type CloudFormationClient,
  type StackEvent as Described,
  DescribeStackEventsCommand,
} from '@aws-sdk/client-cloudformation'

import { isRefusal } from './errors.ts'
import { poll } from './poll.ts'
import { findStack, isInProgress, type Stack } from './stack.ts'

/** A change of the state of the stack, or of one of its resources. */
export interface StackEvent {
  at: Date | undefined
  logicalId: string
  /** Such as AWS::Lambda::Function. */
  type: string
  /** As CloudFormation names it: CREATE_IN_PROGRESS. */
  status: string
  reason: string | undefined
}

/** Whether CloudFormation has begun a change. Unknown where its response is missing. */
export type Begun = 'no' | 'unknown' | 'yes'

export interface Watching {
  signal: AbortSignal | undefined
  onEvent: ((event: StackEvent) => void) | undefined
  /** Called before the change is started, and when it is known whether it has begun. */
  onBegun?: (begun: Begun) => void
}

/**
 * Starts a change of a stack and reports its events until the change has ended. Resolves to the
 * stack after the change, undefined if it is gone, and to the event that explains a failure.
 */
export async function followChange(
  cloudformation: CloudFormationClient,
  stackId: string,
  start: () => Promise<unknown>,
  { signal, onEvent, onBegun = () => {} }: Watching,
): Promise<{ stack: Stack | undefined; failure: StackEvent | undefined }> {
  const { StackEvents: [newest] = [] } = await page(cloudformation, stackId, signal)
  let last = newest?.EventId
  onBegun('unknown')
  await start().catch(error => {
    if (isRefusal(error)) onBegun('no')
    throw error
  })
  onBegun('yes')
  const events: StackEvent[] = []
  const { stack } = await poll(
    async () => {
      // The state is read first, so that the events after it include all that led to the state.
      const stack = await findStack(cloudformation, stackId, signal)
      for (const described of await eventsAfter(cloudformation, stackId, last, signal)) {
        last = described.EventId ?? last
        const event = toEvent(described)
        events.push(event)
        onEvent?.(event)
      }
      return stack && isInProgress(stack) ? undefined : { stack }
    },
    POLL_MS,
    signal,
  )
  return { stack, failure: firstFailure(events) }
}

const POLL_MS = 2_000

/**
 * The first resource that failed. Resources that were only cancelled because of it say so. Where
 * none failed, the stack says why it was rolled back or not deleted: another stack imports its
 * export, for instance.
 */
export function firstFailure(events: StackEvent[]): StackEvent | undefined {
  return (
    events.find(
      ({ status, reason = '' }) => status.endsWith('_FAILED') && !/cancelled/i.test(reason),
    ) ??
    events.find(
      ({ type, status, reason }) =>
        type === STACK && reason && !/^User Initiated/i.test(reason) && !IS_BEGINNING.test(status),
    )
  )
}

const STACK = 'AWS::CloudFormation::Stack'
const IS_BEGINNING = /^(CREATE|UPDATE|DELETE|REVIEW)_IN_PROGRESS$/

/** The events of the last attempt to delete the stack. */
export function ofLastDeletion(events: StackEvent[]): StackEvent[] {
  const begin = events.findLastIndex(it => it.type === STACK && it.status === 'DELETE_IN_PROGRESS')
  return events.slice(Math.max(0, begin))
}

/** All events of the stack, oldest first. */
export async function allEvents(
  cloudformation: CloudFormationClient,
  stackId: string,
  signal?: AbortSignal,
): Promise<StackEvent[]> {
  return (await eventsAfter(cloudformation, stackId, undefined, signal)).map(toEvent)
}

/** Oldest first. CloudFormation lists the newest first. */
async function eventsAfter(
  cloudformation: CloudFormationClient,
  stackId: string,
  after: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Described[]> {
  const events: Described[] = []
  let token: string | undefined
  do {
    const { StackEvents = [], NextToken } = await page(cloudformation, stackId, signal, token)
    const known = StackEvents.findIndex(({ EventId }) => EventId === after)
    events.push(...(known < 0 ? StackEvents : StackEvents.slice(0, known)))
    token = known < 0 ? NextToken : undefined
  } while (token)
  return events.reverse()
}

function page(
  cloudformation: CloudFormationClient,
  stackId: string,
  signal: AbortSignal | undefined,
  NextToken?: string,
) {
  return cloudformation.send(new DescribeStackEventsCommand({ StackName: stackId, NextToken }), {
    abortSignal: signal,
  })
}

/** The environment variables of a function, which may be secrets, in the message of Lambda. */
const ENVIRONMENT = /\s*String measured:.*/s

function toEvent(event: Described): StackEvent {
  return {
    at: event.Timestamp,
    logicalId: event.LogicalResourceId ?? '',
    type: event.ResourceType ?? '',
    status: event.ResourceStatus ?? '',
    reason: event.ResourceStatusReason?.replace(ENVIRONMENT, ''),
  }
}
