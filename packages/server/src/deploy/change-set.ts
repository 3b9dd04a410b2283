import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  type DescribeChangeSetCommandOutput,
  type ResourceChange,
} from '@aws-sdk/client-cloudformation'

import { DeployError } from './errors.ts'

/** What CloudFormation will do to one resource. */
export interface Change {
  action: 'add' | 'change' | 'remove'
  logicalId: string
  /** Such as AWS::Lambda::Function. */
  type: string
  /** A new resource takes the place of the old one, which is then deleted. */
  replacement: 'no' | 'maybe' | 'yes'
}

export interface ChangeSet {
  id: string
  stackId: string
  changes: Change[]
  /** Takes it back, and the empty stack that was made with it. */
  discard(): Promise<void>
}

/** What a change set is made of. */
export interface Wanted {
  stackName: string
  /** There is no stack of this name, one that was only planned, or one to update. */
  stack: 'none' | 'planned' | 'deployed'
  template: string
  /** A value, or undefined for the one that the stack has. */
  parameters: Record<string, string | undefined>
}

/** Makes a change set, which changes nothing yet. Undefined when the stack already is as it should be. */
export async function createChangeSet(
  cloudformation: CloudFormationClient,
  { stackName, stack, template, parameters }: Wanted,
  signal: AbortSignal | undefined,
): Promise<ChangeSet | undefined> {
  const { Id: id = '', StackId: stackId = '' } = await cloudformation.send(
    new CreateChangeSetCommand({
      StackName: stackName,
      ChangeSetName: `mcp-lambda-sam-${Date.now()}`,
      ChangeSetType: stack === 'deployed' ? 'UPDATE' : 'CREATE',
      TemplateBody: template,
      // For the roles and policies, also if they have names, and for the SAM transform.
      Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
      Parameters: Object.entries(parameters).map(([name, value]) =>
        value === undefined
          ? { ParameterKey: name, UsePreviousValue: true }
          : { ParameterKey: name, ParameterValue: value },
      ),
    }),
    { abortSignal: signal },
  )
  try {
    for (;;) {
      const page = await describe(cloudformation, id, stackName, signal)
      if (page.Status === 'CREATE_COMPLETE')
        return { id, stackId, changes: await changesOf(cloudformation, page, signal), discard }
      if (page.Status === 'FAILED') {
        const reason = page.StatusReason ?? 'no reason is given'
        if (!NO_CHANGES.test(reason)) throw failed(reason)
        await discard()
        return undefined
      }
      await sleep(POLL_MS, undefined, { signal })
    }
  } catch (error) {
    await discard()
    throw error
  }

  /** Best effort, and also after an abort: a plan that stays behind does nothing. */
  async function discard() {
    const changeSet = new DeleteChangeSetCommand({ ChangeSetName: id })
    await cloudformation.send(changeSet).catch(() => undefined)
    const shell = new DeleteStackCommand({ StackName: stackId })
    if (stack === 'none') await cloudformation.send(shell).catch(() => undefined)
  }
}

const POLL_MS = 1_000

// CloudFormation says it in two ways, depending on whether a transform was involved.
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

const failed = (reason: string) =>
  new DeployError(
    'change_set_failed',
    `CloudFormation refused the change set: ${reason}`,
    'Nothing was changed. Correct what the reason names, often a parameter, and deploy again.',
  )
