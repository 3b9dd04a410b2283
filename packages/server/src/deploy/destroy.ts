import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import { DeleteTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

import { type AccountOptions, signIn } from './account.ts'
import { assertUnprotected, deleteStack } from './delete-stack.ts'
import { DeployError, toDeployError } from './errors.ts'
import { type Place, placeOptions } from './place.ts'
import { findStack, foreignStack, isInProgress, isOurs, isPlanned, stackNameOf } from './stack.ts'
import { deletionAborted, stackBusy, tableKept, watchingLost } from './stack-errors.ts'
import type { Begun, StackEvent } from './stack-events.ts'

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
  const { deleteRegistrations = false, signal, onEvent, profile } = options
  const stackName = stackNameOf(options)
  const place: Place = { stackName, region: options.region, profile }
  let begun = 'no' as Begun
  try {
    return await steps()
  } catch (error) {
    if (begun === 'no' && error instanceof DeployError) throw error
    if (signal?.aborted) throw deletionAborted(place, begun, error)
    const known = toDeployError(error)
    if (begun === 'no' || !(known instanceof DeployError) || known.code === 'stack_failed')
      throw known
    throw watchingLost('deletion', place, begun, known)
  }

  async function steps(): Promise<Destruction> {
    const { config, region } = await signIn(options)
    place.region = region
    const where = { stackName, region }
    const cloudformation = new CloudFormationClient(config)
    const stack = await findStack(cloudformation, stackName, signal)
    if (!stack) return { ...where, status: 'missing' }
    if (isInProgress(stack) && !isPlanned(stack)) throw stackBusy(place, stack, 'destroy')
    if (!isPlanned(stack) && !isOurs(stack)) throw foreignStack(stackName)
    assertUnprotected(place, stack)

    const dynamodb = new DynamoDBClient(config)
    // Undefined for a stack that was never created completely.
    const table = stack.outputs['RegistrationTableName']
    if (table && deleteRegistrations) await assertDeletable(dynamodb, table, place)
    const confirmed = await options.confirm?.({ ...where, ...(table && { table }) })
    if (confirmed === false) return { ...where, status: 'declined' }

    await deleteStack(cloudformation, place, stack, {
      signal,
      onEvent,
      onBegun(now) {
        begun = now
      },
    })
    begun = 'no'
    if (!table) return { ...where, status: 'deleted' }
    if (deleteRegistrations) await deleteTable(dynamodb, table, place)
    return { ...where, status: 'deleted', table: { name: table, deleted: deleteRegistrations } }
  }
}

/** Checked before the stack is deleted, so that the command does all or nothing. */
async function assertDeletable(dynamodb: DynamoDBClient, table: string, place: Place) {
  const { Table } = await dynamodb
    .send(new DescribeTableCommand({ TableName: table }))
    .catch(unlessMissing)
  if (!Table?.DeletionProtectionEnabled) return
  throw new DeployError('invalid_option', `The table ${table} has deletion protection`, {
    hint: `Turn it off with "mcp-lambda-sam deploy ${placeOptions(place)} --parameter DeletionProtection=false", or leave out --delete-registrations.`,
  })
}

/** The stack is gone, and with it the output that names the table, so the error names it. */
async function deleteTable(dynamodb: DynamoDBClient, table: string, place: Place) {
  try {
    await dynamodb.send(new DeleteTableCommand({ TableName: table })).catch(unlessMissing)
  } catch (error) {
    const known = toDeployError(error)
    throw known instanceof DeployError ? tableKept(place, table, known) : known
  }
}

/** Somebody has deleted the table already. */
function unlessMissing(error: unknown): { Table?: undefined } {
  if (error instanceof Error && error.name === 'ResourceNotFoundException') return {}
  throw error
}
