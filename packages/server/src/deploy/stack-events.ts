import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CloudFormationClient,
  type StackEvent as Described,
  DescribeStackEventsCommand,
} from '@aws-sdk/client-cloudformation'

import { findStack, type Stack } from './stack.ts'

/** Something that happened to a resource of the stack, or to the stack. */
export interface StackEvent {
  at: Date | undefined
  logicalId: string
  type: string
  /** CloudFormation's word, such as CREATE_IN_PROGRESS. */
  status: string
  reason: string | undefined
}

/** The newest event there is; what `follow` takes to begin behind. */
export async function newestEvent(
  cloudformation: CloudFormationClient,
  stackId: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { StackEvents = [] } = await page(cloudformation, stackId, signal)
  return StackEvents[0]?.EventId
}

/** The events after the one given, as they happen, until the stack comes to rest: the last value is its state. */
export async function* follow(
  cloudformation: CloudFormationClient,
  stackId: string,
  after: string | undefined,
  signal?: AbortSignal,
): AsyncGenerator<StackEvent, Stack | undefined> {
  for (let last = after; ; ) {
    // The state first: what happened until it came to rest is then sure to be among the events.
    const stack = await findStack(cloudformation, stackId, signal)
    const events = await eventsAfter(cloudformation, stackId, last, signal)
    for (const event of events) yield toEvent(event)
    last = events.at(-1)?.EventId ?? last
    if (!stack?.status.endsWith('_IN_PROGRESS')) return stack
    await sleep(POLL_MS, undefined, { signal })
  }
}

const POLL_MS = 2_000

/** Reads it to its end, which `for await` would not give. */
export async function drain<Event, End>(
  events: AsyncGenerator<Event, End>,
  onEvent: (event: Event) => void,
): Promise<End> {
  for (;;) {
    const { done, value } = await events.next()
    if (done) return value
    onEvent(value)
  }
}

/**
 * Why it failed: the first resource that did. Those that were only stopped because of it say so.
 */
export function firstFailure(events: StackEvent[]): StackEvent | undefined {
  return events.find(
    ({ status, reason = '' }) => status.endsWith('_FAILED') && !/cancelled/i.test(reason),
  )
}

/** Oldest first, all there are. */
export async function allEvents(
  cloudformation: CloudFormationClient,
  stackId: string,
  signal?: AbortSignal,
): Promise<StackEvent[]> {
  return (await eventsAfter(cloudformation, stackId, undefined, signal)).map(toEvent)
}

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

function toEvent(event: Described): StackEvent {
  return {
    at: event.Timestamp,
    logicalId: event.LogicalResourceId ?? '',
    type: event.ResourceType ?? '',
    status: event.ResourceStatus ?? '',
    reason: event.ResourceStatusReason,
  }
}
