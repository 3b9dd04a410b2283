import {
  CloudFormationClient,
  DeleteStackCommand,
  ExecuteChangeSetCommand,
} from '@aws-sdk/client-cloudformation'

import { type AccountOptions, signIn } from './account.ts'
import { readAssets } from './assets.ts'
import { ownBucket, uploadBundles } from './bucket.ts'
import { type Change, type ChangeSet, createChangeSet } from './change-set.ts'
import { explained } from './errors.ts'
import { toParameters } from './parameters.ts'
import {
  DEFAULT_STACK_NAME,
  findStack,
  foreign,
  isBeingMade,
  isOurs,
  isPlanned,
  type Stack,
} from './stack.ts'
import { aborted, busy, failed, stuck, undeletable, unusable } from './stack-errors.ts'
import {
  allEvents,
  drain,
  firstFailure,
  follow,
  newestEvent,
  type StackEvent,
} from './stack-events.ts'

export interface DeployOptions extends AccountOptions {
  /** @default 'mcp-lambda-sam' */
  stackName?: string | undefined
  /** Of the template. What is not named keeps its value, in a new stack the template's default. */
  parameters?: Record<string, string>
  /** For the bundles. @default `mcp-lambda-sam-<account>-<region>`, which is made when it is missing */
  bucket?: string | undefined
  /** Ends before anything is uploaded or changed, with the changes that would be made. */
  dryRun?: boolean
  /** Deletes a stack whose creation failed, which CloudFormation can neither update nor use. */
  replaceFailed?: boolean
  /** Told of every step. */
  onProgress?: (progress: Progress) => void
  /** Asked before the changes are made; `false` makes none. */
  confirm?: (changes: Change[]) => boolean | Promise<boolean>
}

export type Progress =
  /** What this package carries, before AWS is asked anything. */
  | { type: 'bundle'; bundle: string; key: string; bytes: number }
  | { type: 'account'; accountId: string; region: string; callerArn: string; bucket: string }
  | { type: 'changes'; changes: Change[] }
  | { type: 'upload'; bundle: string; bucket: string; key: string; uploaded: boolean }
  | { type: 'event'; event: StackEvent }

export interface Deployment {
  status: 'created' | 'updated' | 'unchanged' | 'planned' | 'declined'
  stackName: string
  region: string
  accountId: string
  changes: Change[]
  /** Of the stack as it is now: `McpUrl`, `RegistrationUrl` and the others; empty before its creation. */
  outputs: Record<string, string>
}

/**
 * Brings the stack of this package to an AWS account, or up to date. Never asks anything. Rejects with an
 * error that has a `code` and a `fix`; with the code `aborted` after `signal`, when CloudFormation goes on
 * with what was begun.
 */
export async function deploy(options: DeployOptions = {}): Promise<Deployment> {
  const { stackName = DEFAULT_STACK_NAME, dryRun, onProgress = () => {}, signal } = options
  let executed = false
  try {
    return await steps()
  } catch (error) {
    throw signal?.aborted ? aborted(stackName, executed, error) : explained(error)
  }

  async function steps(): Promise<Deployment> {
    const { template, bundles } = readAssets()
    for (const { logicalId, key, zip } of bundles)
      onProgress({ type: 'bundle', bundle: logicalId, key, bytes: zip.length })

    const account = await signIn(options)
    const { accountId, region, callerArn } = account
    const bucket = options.bucket ?? ownBucket(account)
    onProgress({ type: 'account', accountId, region, callerArn, bucket })

    const cloudformation = new CloudFormationClient(account.config)
    const before = await usable(cloudformation, stackName, options)
    const deployed = before && !isPlanned(before)
    const changeSet = await createChangeSet(
      cloudformation,
      {
        stackName,
        stack: deployed ? 'deployed' : before ? 'planned' : 'none',
        template: template.withCode(
          Object.fromEntries(
            bundles.map(({ logicalId, key }) => [logicalId, `s3://${bucket}/${key}`]),
          ),
        ),
        parameters: toParameters(
          template,
          stackName,
          deployed ? before.parameters : undefined,
          options.parameters,
        ),
      },
      signal,
    )
    const changes = changeSet?.changes ?? []
    const result = { stackName, region, accountId, changes, outputs: before?.outputs ?? {} }
    if (!changeSet) return { ...result, status: 'unchanged' }
    onProgress({ type: 'changes', changes })

    let declined: boolean
    try {
      declined = dryRun || (await options.confirm?.(changes)) === false
      signal?.throwIfAborted()
      if (!declined)
        await uploadBundles(account, bundles, {
          bucket,
          signal,
          onUpload: ({ logicalId, key }, uploaded) =>
            onProgress({ type: 'upload', bundle: logicalId, bucket, key, uploaded }),
        })
    } catch (error) {
      await changeSet.discard()
      throw error
    }
    if (declined) {
      await changeSet.discard()
      return { ...result, status: dryRun ? 'planned' : 'declined' }
    }
    const { outputs } = await execute(cloudformation, changeSet)
    return { ...result, status: deployed ? 'updated' : 'created', outputs }
  }

  async function execute(
    cloudformation: CloudFormationClient,
    { id, stackId }: ChangeSet,
  ): Promise<Stack> {
    const last = await newestEvent(cloudformation, stackId, signal)
    executed = true
    await cloudformation.send(new ExecuteChangeSetCommand({ ChangeSetName: id }), {
      abortSignal: signal,
    })
    const events: StackEvent[] = []
    const stack = await drain(follow(cloudformation, stackId, last, signal), event => {
      events.push(event)
      onProgress({ type: 'event', event })
    })
    if (stack && /^(CREATE|UPDATE)_COMPLETE$/.test(stack.status)) return stack
    throw failed(stackName, stack, firstFailure(events))
  }
}

/** The stack as it can be worked on; undefined when there is none. */
async function usable(
  cloudformation: CloudFormationClient,
  stackName: string,
  { replaceFailed, dryRun, signal }: DeployOptions,
): Promise<Stack | undefined> {
  const stack = await findStack(cloudformation, stackName, signal)
  if (!stack || isPlanned(stack)) return stack
  if (!isOurs(stack)) throw foreign(stackName)
  if (stack.status.endsWith('_IN_PROGRESS')) throw busy(stackName, stack)
  if (stack.status === 'UPDATE_ROLLBACK_FAILED') throw stuck(stackName)
  if (!isBeingMade(stack)) return stack
  if (!replaceFailed || dryRun)
    throw unusable(stackName, stack, firstFailure(await allEvents(cloudformation, stack.id)))
  await deleteStack(cloudformation, stackName, stack, { signal })
  return undefined
}

/** Deletes it, and waits for the end of that. */
export async function deleteStack(
  cloudformation: CloudFormationClient,
  stackName: string,
  { id }: Stack,
  {
    signal,
    onEvent = () => {},
  }: { signal?: AbortSignal | undefined; onEvent?: ((event: StackEvent) => void) | undefined },
): Promise<void> {
  const last = await newestEvent(cloudformation, id, signal)
  await cloudformation.send(new DeleteStackCommand({ StackName: id }), { abortSignal: signal })
  const events: StackEvent[] = []
  const after = await drain(follow(cloudformation, id, last, signal), event => {
    events.push(event)
    onEvent(event)
  })
  if (after && after.status !== 'DELETE_COMPLETE')
    throw undeletable(stackName, firstFailure(events))
}
