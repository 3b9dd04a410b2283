import { type CloudFormationClient, DeleteStackCommand } from '@aws-sdk/client-cloudformation'

import type { Place } from './place.ts'
import type { Stack } from './stack.ts'
import { deletionFailed, deletionRefused } from './stack-errors.ts'
import { followChange, type Watching } from './stack-events.ts'

/** Rejects where CloudFormation would refuse to delete the stack. */
export function assertUnprotected(place: Place, { isProtected }: Stack) {
  if (isProtected) throw deletionRefused(place)
}

/** Deletes a stack and waits until it is gone. Rejects with `stack_failed` if it stays. */
export async function deleteStack(
  cloudformation: CloudFormationClient,
  place: Place,
  { id }: Stack,
  options: Watching,
): Promise<void> {
  const { stack, failure } = await followChange(
    cloudformation,
    id,
    () =>
      cloudformation.send(new DeleteStackCommand({ StackName: id }), {
        abortSignal: options.signal,
      }),
    options,
  )
  if (stack && stack.status !== 'DELETE_COMPLETE') throw deletionFailed(place, failure)
}
