import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import { DeleteTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

import { type AccountOptions, signIn } from './account.ts'
import { deleteStack } from './delete-stack.ts'
import { DeployError, toDeployError } from './errors.ts'
import {
  DEFAULT_STACK_NAME,
  findStack,
  foreignStack,
  isInProgress,
  isOurs,
  isPlanned,
} from './stack.ts'
import { deletionAborted, stackBusy } from './stack-errors.ts'
import type { StackEvent } from './stack-events.ts'

export interface DestroyOptions extends AccountOptions {
  stackName?: string | undefined
  /** Deletes the table of registrations too. Without it the table stays. */
  deleteRegistrations?: boolean
  /** Called before anything is deleted. `false` deletes nothing. */
  confirm?: (what: { stackName: string; region: string; table?: string }) => Promise<boolean>
  onEvent?: (event: StackEvent) => void
}

export interface Destruction {
  status: 'deleted' | 'declined' | 'missing'
  stackName: string
  region: string
  /** The table of registrations. */
  table?: { name: string; deleted: boolean }
}

/** Deletes the stack. The bucket with the code stays: other stacks can use the same one. */
export async function destroy(options: DestroyOptions): Promise<Destruction> {
  const { stackName = DEFAULT_STACK_NAME, deleteRegistrations = false, signal } = options
  let hasBegun = false
  try {
    const { config, region } = await signIn(options)
    const place = { stackName, region }
    const cloudformation = new CloudFormationClient(config)
    const stack = await findStack(cloudformation, stackName, signal)
    if (!stack) return { ...place, status: 'missing' }
    if (isInProgress(stack) && !isPlanned(stack)) throw stackBusy(stackName, stack, 'destroy')
    if (!isPlanned(stack) && !isOurs(stack)) throw foreignStack(stackName)

    const dynamodb = new DynamoDBClient(config)
    // Undefined for a stack that was never created completely.
    const table = stack.outputs['RegistrationTableName']
    if (table && deleteRegistrations) await assertDeletable(dynamodb, table, stackName, region)
    const confirmed = await options.confirm?.({ ...place, ...(table && { table }) })
    if (confirmed === false) return { ...place, status: 'declined' }

    hasBegun = true
    await deleteStack(cloudformation, stackName, stack, { signal, onEvent: options.onEvent })
    if (!table) return { ...place, status: 'deleted' }
    if (deleteRegistrations) await dynamodb.send(new DeleteTableCommand({ TableName: table }))
    return { ...place, status: 'deleted', table: { name: table, deleted: deleteRegistrations } }
  } catch (error) {
    throw signal?.aborted ? deletionAborted(stackName, hasBegun, error) : toDeployError(error)
  }
}

/** Checked before the stack is deleted, so that the command does all or nothing. */
async function assertDeletable(
  dynamodb: DynamoDBClient,
  table: string,
  stackName: string,
  region: string,
) {
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: table }))
  if (!Table?.DeletionProtectionEnabled) return
  throw new DeployError('invalid_option', `The table ${table} has deletion protection`, {
    hint: `Turn it off with "mcp-lambda-sam deploy --stack-name ${stackName} --region ${region} --parameter DeletionProtection=false", or leave out --delete-registrations.`,
  })
}
