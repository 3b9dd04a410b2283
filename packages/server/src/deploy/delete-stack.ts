import { type CloudFormationClient, DeleteStackCommand } from '@aws-sdk/client-cloudformation'

import type { Stack } from './stack.ts'
import { deletionFailed } from './stack-errors.ts'
import { followChange, type StackEvent } from './stack-events.ts'

/** Deletes a stack and waits until it is gone. Rejects with `stack_failed` if it stays. */
export async function deleteStack(
  cloudformation: CloudFormationClient,
  stackName: string,
  { id }: Stack,
  options: { signal: AbortSignal | undefined; onEvent: ((event: StackEvent) => void) | undefined },
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
  if (stack && stack.status !== 'DELETE_COMPLETE') throw deletionFailed(stackName, failure)
}
