import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import { DeleteTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

import { type AccountOptions, signIn } from './account.ts'
import { deleteStack } from './deploy.ts'
import { DeployError, explained } from './errors.ts'
import { DEFAULT_STACK_NAME, findStack, foreign, isOurs, isPlanned } from './stack.ts'
import { busy } from './stack-errors.ts'
import type { StackEvent } from './stack-events.ts'

export interface DestroyOptions extends AccountOptions {
  stackName?: string | undefined
  /** Deletes the table of registrations too, which otherwise stays. */
  deleteRegistrations?: boolean
  /** Asked before anything is deleted; `false` deletes nothing. */
  confirm?: (what: { stackName: string; region: string; table?: string }) => Promise<boolean>
  onEvent?: (event: StackEvent) => void
}

export interface Destruction {
  status: 'deleted' | 'declined' | 'missing'
  region: string
  /** The table of registrations, and whether it is still there. */
  table?: { name: string; deleted: boolean }
}

/** Deletes the stack. Its bucket stays too: other stacks may use it. */
export async function destroy(options: DestroyOptions): Promise<Destruction> {
  const { stackName = DEFAULT_STACK_NAME, deleteRegistrations, signal } = options
  try {
    const { config, region } = await signIn(options)
    const cloudformation = new CloudFormationClient(config)
    const stack = await findStack(cloudformation, stackName, signal)
    if (!stack) return { status: 'missing', region }
    if (stack.status.endsWith('_IN_PROGRESS') && !isPlanned(stack)) throw busy(stackName, stack)
    if (!isPlanned(stack) && !isOurs(stack)) throw foreign(stackName)

    const dynamodb = new DynamoDBClient(config)
    // A stack that never came to be has none.
    const table = stack.outputs['RegistrationTableName']
    if (table && deleteRegistrations) await assertDeletable(dynamodb, table, stackName)
    const asked = await options.confirm?.({ stackName, region, ...(table && { table }) })
    if (asked === false) return { status: 'declined', region }

    await deleteStack(cloudformation, stackName, stack, { signal, onEvent: options.onEvent })
    if (!table) return { status: 'deleted', region }
    if (deleteRegistrations) await dynamodb.send(new DeleteTableCommand({ TableName: table }))
    return {
      status: 'deleted',
      region,
      table: { name: table, deleted: deleteRegistrations ?? false },
    }
  } catch (error) {
    if (signal?.aborted)
      throw new DeployError(
        'aborted',
        `Stopped watching; if the deletion of ${stackName} was begun, it goes on in CloudFormation`,
        `See how it is with "mcp-lambda-sam status --stack-name ${stackName}".`,
        { cause: error },
      )
    throw explained(error)
  }
}

/** Asked first: half a destruction would be neither what was wanted nor what was there. */
async function assertDeletable(dynamodb: DynamoDBClient, table: string, stackName: string) {
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: table }))
  if (!Table?.DeletionProtectionEnabled) return
  throw new DeployError(
    'invalid_option',
    `The table ${table} is protected from being deleted`,
    `Take the protection off with "mcp-lambda-sam deploy --stack-name ${stackName} --parameter DeletionProtection=false", or leave --delete-registrations out.`,
  )
}
