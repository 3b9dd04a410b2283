import type { NotReady } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { RevokeFailure } from './permissions.ts'
import {
  addCommand,
  deleteRoleCommand,
  functionDocument,
  putRoleCommand,
  removeCommand,
  roleDocument,
  statementId,
  type Target,
} from './statement.ts'

/**
 * - `granted`: a statement allows our role.
 * - `orphaned`: our statement id exists but names another role.
 * - `none`: no statement.
 */
export type StatementState = 'granted' | 'orphaned' | 'none'

/** The status for a policy that was read and has no statement that allows the gateway's role. */
export function notGranted(target: Target, roleArn: string, state: StatementState): NotReady {
  const reason =
    state === 'orphaned'
      ? `The statement ${statementId(roleArn)} in the policy of ${target.lambdaArn} names another role than the gateway's, for example one that was deleted and created again.`
      : `The policy of ${target.lambdaArn} has no statement that allows the gateway's role to invoke it, for example because the policy was replaced, or the function does not exist.`
  return {
    state: state === 'orphaned' ? 'not_granted' : 'missing',
    message: `${reason} Repair the registration: that grants the permission or says why it cannot`,
    fix: commandsFor(target, roleArn, state),
  }
}

/**
 * The template's parameter GrantCondition. With `principal`, the policy of the registration role
 * has the condition `lambda:Principal`. AWS does not document whether it matches the ARN of a
 * role.
 */
export type GrantCondition = 'principal' | 'none'

/**
 * The status for an error of Lambda while the policy was read or changed. `condition` is the one
 * that was in force for the call that failed.
 */
export function grantFailed(
  target: Target,
  roleArn: string,
  error: unknown,
  {
    state = 'none',
    condition = 'none',
  }: { state?: StatementState; condition?: GrantCondition } = {},
): NotReady {
  const { lambdaArn } = target
  const { name, message } = error as Error
  const fix = commandsFor(target, roleArn, state)
  switch (name) {
    case 'ResourceNotFoundException':
      return {
        state: 'function_not_found',
        message: `${lambdaArn} does not exist (${message}). Deploy it, then repair the registration`,
        fix,
      }
    case 'PolicyLengthExceededException':
      return {
        state: 'not_granted',
        message: `The policy of ${lambdaArn} is full (${message}). Remove statements that are not needed and repair the registration. Or allow it in the gateway's role, which works but does not show in this status`,
        fix: [putRoleCommand(target, roleArn)],
      }
    case 'AccessDeniedException':
    case 'InvalidParameterValueException':
    case 'PublicPolicyException':
      return {
        state: 'not_granted',
        message: `Lambda does not allow the registration function to grant the permission to invoke ${lambdaArn}: ${message}${conditionHint(error, condition)}`,
        fix,
      }
    default:
      return {
        state: 'unknown',
        message: `It is unknown whether the gateway may invoke ${lambdaArn}, because Lambda in ${target.region} failed (${name}: ${message}). Repair the registration to try again`,
        fix: [],
      }
  }
}

/**
 * The sentence for a denial that the condition may have caused: the policy of the registration role
 * allows the call for every function of the account, and no other policy is named as the reason.
 */
function conditionHint(error: unknown, condition: GrantCondition): string {
  const { name, message } = error as Error
  const isOther = /explicit deny|boundary|(service|resource) control policy|session policy/i
  if (condition === 'none' || name !== 'AccessDeniedException' || isOther.test(message)) return ''
  return `${/[.!]$/.test(message) ? '' : '.'} The condition lambda:Principal in the policy of the registration function's role does not match: deploy the stack with the parameter GrantCondition=none`
}

export function revokeFailed(target: Target, roleArn: string, error: unknown): RevokeFailure {
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
  // A network failure has no status.
  const status = $metadata?.httpStatusCode ?? 500
  return {
    message: `The gateway's permission to invoke ${target.lambdaArn} could not be revoked (${name}: ${message}). Revoke it with this command: ${removeCommand(target, roleArn)}`,
    retryable: status >= 500 || status === 429 || status === 409,
  }
}

/**
 * Both accounts have to allow the call:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies-cross-account-resource-access.html
 */
export function otherAccount(target: Target, roleArn: string): NotReady {
  const { accountId, lambdaArn } = target
  return {
    state: 'other_account',
    message: `${lambdaArn} is in another account. Both accounts have to allow the call, and the registration function can neither see nor change that: an administrator of ${accountId} runs the first command, an administrator of the gateway's account the second`,
    fix: [addCommand(target, roleArn), putRoleCommand(target, roleArn)],
    policies: { function: functionDocument(target, roleArn), role: roleDocument(target) },
  }
}

export function manualRevoke(target: Target, roleArn: string): RevokeFailure {
  const commands = [removeCommand(target, roleArn), deleteRoleCommand(target, roleArn)]
  return {
    message: `${target.lambdaArn} is in another account. If the gateway was allowed to invoke it, revoke that by hand in both accounts: ${commands.join(' ; ')}`,
    retryable: false,
  }
}

function commandsFor(target: Target, roleArn: string, state: StatementState): string[] {
  const add = addCommand(target, roleArn)
  return state === 'orphaned' ? [removeCommand(target, roleArn), add] : [add]
}
