import {
  parseRegistrationId,
  type Registration,
  type RegistrationInput,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Caller } from '../http/caller.ts'
import { describe, GatewayError } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { applyChange } from '../registration/apply-change.ts'
import { createReconciler } from '../registration/invoke-permission/reconcile.ts'
import type { RegistrationOptions } from '../registration/operations.ts'
import { assertNotOwn } from '../registration/own-functions.ts'
import { idOf, planChange } from '../registration/planned-change.ts'
import { parseInput } from '../registration/validate.ts'
import { assertCustomResourceEvent, type CustomResourceEvent } from './event.ts'
import { toRegistrationBody } from './properties.ts'
import { cut, type Outcome, sendOutcome } from './response.ts'

interface CustomResourceOptions extends Omit<RegistrationOptions, 'checkFunction'> {
  /** The account whose stacks may register. */
  accountId: string
  /** Sends the response. Default: the global `fetch` */
  fetch?: typeof fetch
}

/**
 * Registrations as resources of CloudFormation: `Custom::McpTool`, `Custom::McpResource` and
 * `Custom::McpPrompt`. The physical id is the id of the registration. Another name makes another
 * resource: CloudFormation deletes the old one when the update is complete.
 *
 * A registration belongs to one resource of one stack: `createdBy` is the stack, and `updatedBy`
 * the resource. Another resource of the same stack gets `already_exists`: otherwise a resource with
 * a new logical id and the old name would share the registration with the old resource, whose
 * deletion would remove it for both.
 *
 * Lambda may deliver an event twice, so every request may run again. The response is sent in any
 * case; otherwise the stack waits for an hour.
 */
export function createCustomResource({
  accountId,
  fetch: send = fetch,
  ...options
}: CustomResourceOptions) {
  const { registry, permissions, revocations, ownFunctions } = options
  const reconciler = createReconciler(registry, permissions, revocations)

  return async (event: unknown, { awsRequestId: requestId }: { awsRequestId: string }) => {
    assertCustomResourceEvent(event, accountId)
    const outcome = await handle(event, requestId).catch(error => failed(event, error, requestId))
    await sendOutcome(event, outcome, send)
  }

  async function handle(event: CustomResourceEvent, requestId: string): Promise<Outcome> {
    const caller = callerOf(event)
    return event.RequestType === 'Delete'
      ? remove(event, caller, requestId)
      : put(event, caller, requestId)
  }

  async function put(
    event: CustomResourceEvent,
    caller: Caller,
    requestId: string,
  ): Promise<Outcome> {
    const { ResourceType, ResourceProperties, StackId } = event
    const body = toRegistrationBody(ResourceType, ResourceProperties)
    const input = parseInput({ owner: ownerOf(StackId), ...body })
    assertNotOwn(input.lambdaArn, ownFunctions)
    const id = idOf(input)
    // The row may exist from here on, and CloudFormation deletes only what it has the id of.
    return write(event, input, caller, requestId).catch(error =>
      failed(event, error, requestId, id),
    )
  }

  async function write(
    event: CustomResourceEvent,
    input: RegistrationInput,
    caller: Caller,
    requestId: string,
  ): Promise<Outcome> {
    const id = idOf(input)
    const writer = { ...caller, creator: event.StackId }
    const plan = await planChange(registry, { id, input, precondition: undefined }, writer)
    if (plan.from && !isOwn(plan.from, event, caller))
      return failed(event, taken(plan.from, event.StackId), requestId)
    const { status } = await applyChange({ registry, reconciler }, plan, { caller, requestId })
    if (status?.state === 'function_not_found')
      return {
        isSuccess: false,
        reason: `${id}: ${status.message}`,
        physicalResourceId: id,
      }
    return {
      isSuccess: true,
      physicalResourceId: id,
      data: {
        Id: id,
        Version: String(plan.to?.version),
        Status: status?.state ?? 'unknown',
        StatusMessage:
          status && status.state !== 'ready' ? cut(status.message, MAX_MESSAGE_BYTES) : '',
      },
    }
  }

  async function remove(
    { PhysicalResourceId: id = '', StackId }: CustomResourceEvent,
    caller: Caller,
    requestId: string,
  ): Promise<Outcome> {
    const outcome = { isSuccess: true, physicalResourceId: id }
    const key = parseRegistrationId(id)
    // A creation that has failed reports an id that names no registration.
    if (!key) return outcome
    const plan = await planChange(registry, { id, precondition: undefined }, caller)
    if (!plan.from) {
      await reconciler.finishInterrupted([id])
      return outcome
    }
    const { createdBy, updatedBy = createdBy } = plan.from
    const other = createdBy === StackId ? updatedBy : createdBy
    if (other !== caller.arn) {
      const reason = `"${id}" stays registered: ${other} has written it`
      log.warn('kept a registration that another one has written', { requestId, id, by: other })
      return { ...outcome, reason }
    }
    const { warnings } = await applyChange({ registry, reconciler }, plan, { caller, requestId })
    for (const warning of warnings) log.warn(warning, { requestId, id })
    return outcome
  }
}

/**
 * Whether a resource may write a registration: it wrote it last, or it has its id and somebody
 * outside of the stack wrote it since.
 */
function isOwn(
  { id, createdBy, updatedBy = createdBy }: Registration,
  { StackId, PhysicalResourceId }: CustomResourceEvent,
  { arn }: Caller,
): boolean {
  if (createdBy !== StackId) return false
  return updatedBy === arn || (PhysicalResourceId === id && !updatedBy.startsWith(`${StackId}/`))
}

/**
 * The outcome of a request that has changed nothing, or not all. Without the id of a row that may
 * exist it names none, so that its deletion does no harm.
 */
function failed(
  { LogicalResourceId, PhysicalResourceId }: CustomResourceEvent,
  error: unknown,
  requestId: string,
  physicalResourceId = PhysicalResourceId ?? `not-created:${LogicalResourceId}`,
): Outcome {
  const isExplained = error instanceof GatewayError || error instanceof SyntaxError
  if (!isExplained) log.error('request failed', { requestId, error: describe(error) })
  return {
    isSuccess: false,
    physicalResourceId,
    reason: isExplained
      ? error.message
      : `The registration failed. The log of the function has the reason under the request id ${requestId}`,
  }
}

/** `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID/LOGICALID` as a writer of registrations. */
function callerOf({ StackId, LogicalResourceId }: CustomResourceEvent): Caller {
  const [, , , , accountId = ''] = StackId.split(':')
  return { arn: `${StackId}/${LogicalResourceId}`, accountId, owner: StackId }
}

/** Leaves room for the rest of the response, and for what the template reads of it. */
const MAX_MESSAGE_BYTES = 1_000

/** The label keeps pipelines away from what a stack has registered. */
const ownerOf = (stackId: string) => `stack:${stackId.split('/')[1]}`

function taken({ id, createdBy, updatedBy }: Registration, stackId: string) {
  const isOfStack = createdBy === stackId
  const remedy = isOfStack
    ? 'choose another name, or remove that resource in a deployment of its own first'
    : 'choose another name, or delete that registration first'
  const by = isOfStack ? updatedBy : createdBy
  return new GatewayError('already_exists', `"${id}" is registered already, by ${by}: ${remedy}`)
}
