import {
  parseRegistrationId,
  type Registration,
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
import { type Outcome, sendOutcome } from './response.ts'

interface CustomResourceOptions extends RegistrationOptions {
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
 * A stack changes and deletes only what it has created. Lambda may deliver an event twice, so every
 * request may run again. The response is sent in any case; otherwise the stack waits for an hour.
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
    const plan = await planChange(registry, { id, input, precondition: undefined }, caller)
    if (plan.from && plan.from.createdBy !== StackId) throw foreign(plan.from)
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
        StatusMessage: status && status.state !== 'ready' ? status.message.slice(0, 1_000) : '',
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
      await reconciler.finishInterrupted(id)
      return outcome
    }
    if (plan.from.createdBy !== StackId) {
      log.warn('kept a registration that another one has created', { requestId, id })
      return outcome
    }
    const { warnings } = await applyChange({ registry, reconciler }, plan, { caller, requestId })
    for (const warning of warnings) log.warn(warning, { requestId, id })
    return outcome
  }
}

/** The outcome of a request that has changed nothing, or not all. Deleting it does no harm. */
function failed(event: CustomResourceEvent, error: unknown, requestId: string): Outcome {
  const { LogicalResourceId, PhysicalResourceId } = event
  const isExplained = error instanceof GatewayError || error instanceof SyntaxError
  if (!isExplained) log.error('request failed', { requestId, error: describe(error) })
  return {
    isSuccess: false,
    physicalResourceId: PhysicalResourceId ?? `not-created:${LogicalResourceId}`,
    reason: isExplained
      ? error.message
      : `The registration failed. The log of the function has the reason under the request id ${requestId}`,
  }
}

/** `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID` as the writer of a registration. */
function callerOf({ StackId }: CustomResourceEvent): Caller {
  const [, , , , accountId = ''] = StackId.split(':')
  return { arn: StackId, accountId, owner: StackId }
}

/** The label keeps pipelines away from what a stack has registered. */
const ownerOf = (stackId: string) => `stack:${stackId.split('/')[1]}`

function foreign({ id, createdBy }: Registration) {
  return new GatewayError(
    'already_exists',
    `"${id}" is registered already, by ${createdBy}: choose another name, or delete that registration first`,
  )
}
