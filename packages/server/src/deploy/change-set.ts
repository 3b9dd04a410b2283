import { randomUUID } from 'node:crypto'
import {
  type CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  type DescribeChangeSetCommandOutput,
  type ResourceChange,
} from '@aws-sdk/client-cloudformation'

import { poll } from './poll.ts'
import { refusedChangeSet, refusedRequest } from './refused-change-set.ts'
import { findStack, isPlanned } from './stack.ts'

/** What CloudFormation will do to one resource. */
export interface Change {
  action: 'add' | 'change' | 'remove'
  logicalId: string
  /** Such as AWS::Lambda::Function. */
  type: string
  /** CloudFormation creates a new resource and then deletes the old one. */
  replacement: 'no' | 'maybe' | 'yes'
}

export interface ChangeSet {
  id: string
  stackId: string
  changes: Change[]
  /** Deletes the change set, and the stack that was created with it if it is still empty. */
  discard(): Promise<void>
}

export interface ChangeSetInput {
  stackName: string
  /** `planned`: the stack exists, with nothing but a change set that would create it. */
  stack: 'none' | 'planned' | 'deployed'
  template: string
  /** By name. Undefined keeps the value that the stack has. */
  parameters: Record<string, string | undefined>
}

/** Creates a change set, which changes nothing yet. Undefined when nothing would change. */
export async function createChangeSet(
  cloudformation: CloudFormationClient,
  { stackName, stack, template, parameters }: ChangeSetInput,
  signal: AbortSignal | undefined,
): Promise<ChangeSet | undefined> {
  signal?.throwIfAborted()
  const create = new CreateChangeSetCommand({
    StackName: stackName,
    ChangeSetName: `mcp-lambda-sam-${Date.now()}`,
    // Without it the SDK's second attempt, after a lost response, finds that the name is taken.
    ClientToken: randomUUID(),
    ChangeSetType: stack === 'deployed' ? 'UPDATE' : 'CREATE',
    TemplateBody: template,
    // For roles and policies, also with names, and for the SAM transform.
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
    Parameters: Object.entries(parameters).map(([name, value]) =>
      value === undefined
        ? { ParameterKey: name, UsePreviousValue: true }
        : { ParameterKey: name, ParameterValue: value },
    ),
  })
  // Not aborted on the way: what it makes could not be deleted without the response.
  const { Id: id = '', StackId: stackId = '' } = await cloudformation
    .send(create)
    .catch(error => Promise.reject(refusedRequest(error)))
  try {
    const first = await poll(
      async () => {
        const page = await describe(cloudformation, id, stackName, signal)
        return ['CREATE_COMPLETE', 'FAILED'].includes(page.Status ?? '') ? page : undefined
      },
      POLL_MS,
      signal,
    )
    if (first.Status === 'CREATE_COMPLETE')
      return { id, stackId, changes: await changesOf(cloudformation, first, signal), discard }
    const reason = first.StatusReason ?? 'no reason is given'
    if (!NO_CHANGES.test(reason)) throw await refusedChangeSet(cloudformation, id, reason, signal)
    await discard()
    return undefined
  } catch (error) {
    await discard()
    throw error
  }

  /** Also called after an abort. Errors are ignored: a change set that stays does nothing. */
  async function discard() {
    const changeSet = new DeleteChangeSetCommand({ ChangeSetName: id })
    await cloudformation.send(changeSet).catch(() => undefined)
    if (stack !== 'none') return
    // Another deployment may have created the stack while this one waited for its answer.
    const now = await findStack(cloudformation, stackId).catch(() => undefined)
    if (!now || !isPlanned(now)) return
    const emptyStack = new DeleteStackCommand({ StackName: stackId })
    await cloudformation.send(emptyStack).catch(() => undefined)
  }
}

const POLL_MS = 1_000

// The text depends on whether the template has a transform.
const NO_CHANGES = /didn't contain changes|no updates are to be performed/i

function describe(
  cloudformation: CloudFormationClient,
  id: string,
  stackName: string,
  signal: AbortSignal | undefined,
  NextToken?: string,
) {
  return cloudformation.send(
    new DescribeChangeSetCommand({ ChangeSetName: id, StackName: stackName, NextToken }),
    { abortSignal: signal },
  )
}

async function changesOf(
  cloudformation: CloudFormationClient,
  first: DescribeChangeSetCommandOutput,
  signal: AbortSignal | undefined,
): Promise<Change[]> {
  const changes: Change[] = []
  for (let page = first; ; ) {
    for (const { ResourceChange } of page.Changes ?? [])
      if (ResourceChange) changes.push(toChange(ResourceChange))
    const { NextToken, ChangeSetId = '', StackName = '' } = page
    if (!NextToken) return changes.sort(byLogicalId)
    page = await describe(cloudformation, ChangeSetId, StackName, signal, NextToken)
  }
}

function toChange({
  Action,
  LogicalResourceId = '',
  ResourceType = '',
  Replacement,
}: ResourceChange): Change {
  return {
    action: Action === 'Add' ? 'add' : Action === 'Remove' ? 'remove' : 'change',
    logicalId: LogicalResourceId,
    type: ResourceType,
    replacement: Replacement === 'True' ? 'yes' : Replacement === 'Conditional' ? 'maybe' : 'no',
  }
}

const byLogicalId = (one: Change, other: Change) => (one.logicalId < other.logicalId ? -1 : 1)
