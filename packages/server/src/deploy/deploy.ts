import { randomUUID } from 'node:crypto'
import { CloudFormationClient, ExecuteChangeSetCommand } from '@aws-sdk/client-cloudformation'

import { type Account, type AccountOptions, signIn } from './account.ts'
import { readAssets } from './assets.ts'
import { ownBucket, uploadBundles } from './bucket.ts'
import { type Change, type ChangeSet, createChangeSet } from './change-set.ts'
import {
  type Concurrency,
  lowConcurrency,
  proposeReservation,
  type Reservation,
  readConcurrency,
  unknownConcurrency,
} from './concurrency.ts'
import { assertUnprotected, deleteStack } from './delete-stack.ts'
import { DeployError, toDeployError } from './errors.ts'
import { assertFits, resultingParameters, toParameters } from './parameters.ts'
import type { Place } from './place.ts'
import {
  findStack,
  foreignStack,
  hasNoOutputsYet,
  isComplete,
  isInProgress,
  isOurs,
  isPlanned,
  type Stack,
  stackNameOf,
} from './stack.ts'
import {
  changeFailed,
  creationFailed,
  deploymentAborted,
  notDeleted,
  notUpdatable,
  overtaken,
  stackBusy,
  watchingLost,
} from './stack-errors.ts'
import {
  allEvents,
  type Begun,
  firstFailure,
  followChange,
  ofLastDeletion,
  type StackEvent,
} from './stack-events.ts'
import { parameterWarnings, type Warning } from './warnings.ts'

export interface DeployOptions extends AccountOptions {
  /** @default 'mcp-lambda-sam' */
  stackName?: string | undefined
  /**
   * Parameters of the template. A parameter that is not given keeps its value. A new stack takes
   * the default of the template.
   */
  parameters?: Record<string, string>
  /** Bucket for the code. @default `mcp-lambda-sam-<account>-<region>`, created if it is missing */
  bucket?: string | undefined
  /** Resolves with the changes that a deployment would make. Changes nothing. */
  dryRun?: boolean
  /** Deletes a stack whose creation failed, which CloudFormation cannot update, and creates it. */
  replaceFailed?: boolean
  /** Called at every step. */
  onProgress?: (progress: Progress) => void
  /**
   * Called with a reservation for a new stack whose `ReservedConcurrency` is not given. `true`
   * takes it. @default the stack reserves nothing
   */
  reserve?: (reservation: Reservation) => boolean | Promise<boolean>
  /** Called before anything is changed. `false` stops the deployment. */
  confirm?: (changes: Change[]) => boolean | Promise<boolean>
}

export type Progress =
  /** The code of a function in this package, before the first request to AWS. */
  | { type: 'bundle'; bundle: string; key: string; bytes: number }
  | { type: 'account'; accountId: string; region: string; callerArn: string; bucket: string }
  /** Another deployment of the stack runs. It is followed to its end first. */
  | { type: 'attached'; status: string }
  /** Something that does not stop the deployment, before the changes. */
  | ({ type: 'warning' } & Warning)
  | { type: 'changes'; changes: Change[] }
  | { type: 'upload'; bundle: string; bucket: string; key: string; uploaded: boolean }
  | { type: 'event'; event: StackEvent }

export interface Deployment {
  status: 'created' | 'updated' | 'unchanged' | 'planned' | 'declined'
  stackName: string
  region: string
  accountId: string
  changes: Change[]
  /** Outputs of the stack: `McpUrl`, `RegistrationUrl` and others. Empty before its creation. */
  outputs: Record<string, string>
}

/**
 * Creates the stack of this package in an AWS account, or updates it. Asks no questions. Rejects
 * with a `DeployError`. Its code is `aborted` after `signal`; CloudFormation still completes a
 * change that has begun.
 */
export async function deploy(options: DeployOptions = {}): Promise<Deployment> {
  const { dryRun, onProgress = () => {}, signal, profile } = options
  const stackName = stackNameOf(options)
  const givenBucket = bucketOf(options)
  const place: Place = { stackName, region: options.region, profile }
  let begun = 'no' as Begun
  try {
    return await steps()
  } catch (error) {
    if (signal?.aborted) throw deploymentAborted(place, begun, error)
    const known = toDeployError(error)
    if (begun === 'no' || !(known instanceof DeployError) || known.code === 'stack_failed')
      throw known
    throw watchingLost('deployment', place, begun, known)
  }

  async function steps(): Promise<Deployment> {
    const { template, bundles } = readAssets()
    for (const { logicalId, key, zip } of bundles)
      onProgress({ type: 'bundle', bundle: logicalId, key, bytes: zip.length })

    const account = await signIn(options)
    const { accountId, region, callerArn } = account
    place.region = region
    const bucket = givenBucket ?? ownBucket(account)
    onProgress({ type: 'account', accountId, region, callerArn, bucket })

    const cloudformation = new CloudFormationClient(account.config)
    const before = await findUsableStack(cloudformation, place, options)
    const deployed = before && !isPlanned(before)
    const current = deployed ? before.parameters : undefined
    const concurrency = await concurrencyOf(account, signal)
    const reserved = current ? undefined : await reservedIn(concurrency)
    const wanted = { ...reserved, ...options.parameters }
    const parameters = toParameters(template, stackName, current, wanted)
    const resulting = resultingParameters(template, parameters, current)
    assertFits(resulting)
    for (const warning of [
      ...('message' in concurrency ? [concurrency] : [lowConcurrency(concurrency) ?? []].flat()),
      ...parameterWarnings(resulting),
    ])
      onProgress({ type: 'warning', ...warning })
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
        parameters,
      },
      signal,
    )
    const changes = changeSet?.changes ?? []
    const result = { stackName, region, accountId, changes, outputs: before?.outputs ?? {} }
    if (!changeSet) return { ...result, status: 'unchanged' }
    onProgress({ type: 'changes', changes })

    try {
      const declined = dryRun || (await options.confirm?.(changes)) === false
      signal?.throwIfAborted()
      if (declined) return { ...result, status: dryRun ? 'planned' : 'declined' }
      await uploadBundles(account, bundles, {
        bucket,
        signal,
        onUpload: ({ logicalId, key }, uploaded) =>
          onProgress({ type: 'upload', bundle: logicalId, bucket, key, uploaded }),
      })
      const { outputs } = await execute(cloudformation, changeSet)
      return { ...result, status: deployed ? 'updated' : 'created', outputs }
    } finally {
      if (begun === 'no') await changeSet.discard()
    }
  }

  async function reservedIn(concurrency: Concurrency | Warning) {
    if (options.parameters?.['ReservedConcurrency'] !== undefined) return undefined
    const reservation = 'message' in concurrency ? undefined : proposeReservation(concurrency)
    if (!reservation || !(await options.reserve?.(reservation))) return undefined
    return { ReservedConcurrency: String(reservation.reserved) }
  }

  async function execute(
    cloudformation: CloudFormationClient,
    { id, stackId }: ChangeSet,
  ): Promise<Stack> {
    const { stack, failure } = await followChange(
      cloudformation,
      stackId,
      () =>
        cloudformation.send(
          // With a token the SDK may repeat the request after a lost response.
          new ExecuteChangeSetCommand({ ChangeSetName: id, ClientRequestToken: randomUUID() }),
          { abortSignal: signal },
        ),
      {
        signal,
        onEvent: event => onProgress({ type: 'event', event }),
        onBegun(now) {
          begun = now
        },
      },
    ).catch(error => Promise.reject(overtaken(place, error)))
    if (stack && isComplete(stack)) return stack
    throw changeFailed(place, stack, failure)
  }
}

/** Rejects a name that no bucket has, such as an empty variable. */
function bucketOf({ bucket }: DeployOptions): string | undefined {
  if (bucket === undefined || /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) return bucket
  throw new DeployError('invalid_option', `"${bucket}" is not the name of a bucket`, {
    hint: 'Give the name of your bucket with --bucket, or leave the option out.',
  })
}

/** A warning where it cannot be read. */
async function concurrencyOf(
  account: Account,
  signal: AbortSignal | undefined,
): Promise<Concurrency | Warning> {
  try {
    return await readConcurrency(account, signal)
  } catch (error) {
    signal?.throwIfAborted()
    return unknownConcurrency(toDeployError(error).message)
  }
}

/** Follows a deployment that somebody has begun, to its end. */
async function attach(
  cloudformation: CloudFormationClient,
  place: Place,
  { id, status }: Stack,
  { signal, replaceFailed, onProgress = () => {} }: DeployOptions,
): Promise<Stack> {
  onProgress({ type: 'attached', status })
  const { stack, failure } = await followChange(cloudformation, id, async () => {}, {
    signal,
    onEvent: event => onProgress({ type: 'event', event }),
  })
  if (stack && (isComplete(stack) || (replaceFailed && hasNoOutputsYet(stack)))) return stack
  throw changeFailed(place, stack, failure)
}

/** The stack, in a state that can be deployed to. Undefined when there is none. */
async function findUsableStack(
  cloudformation: CloudFormationClient,
  place: Place,
  options: DeployOptions,
): Promise<Stack | undefined> {
  const { replaceFailed, dryRun, signal, onProgress = () => {} } = options
  const { stackName } = place
  let stack = await findStack(cloudformation, stackName, signal)
  if (!stack || isPlanned(stack)) return stack
  if (!isOurs(stack)) throw foreignStack(stackName)
  if (isInProgress(stack)) {
    if (dryRun || stack.status.startsWith('DELETE_')) throw stackBusy(place, stack)
    stack = await attach(cloudformation, place, stack, options)
  }
  const unusable = notUpdatable(place, stack)
  if (unusable) throw unusable
  if (!hasNoOutputsYet(stack)) return stack
  if (!replaceFailed || dryRun) {
    const events = await allEvents(cloudformation, stack.id, signal)
    throw stack.status === 'DELETE_FAILED'
      ? notDeleted(place, stack, firstFailure(ofLastDeletion(events)))
      : creationFailed(place, stack, firstFailure(events))
  }
  assertUnprotected(place, stack)
  const onEvent = (event: StackEvent) => onProgress({ type: 'event', event })
  await deleteStack(cloudformation, place, stack, { signal, onEvent })
  return undefined
}
