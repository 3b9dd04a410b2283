import type { NotReady } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Leftover } from './permissions.ts'
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

/** Of the statement: it lets the gateway in, it is there and names another than the gateway's role, or it is not there. */
export type Found = 'granted' | 'orphaned' | 'nothing'

/** Of a policy that was read. */
export function notGranted(target: Target, roleArn: string, found: Found): NotReady {
  const reason =
    found === 'orphaned'
      ? `The statement ${statementId(roleArn)} in the policy of ${target.lambdaArn} does not name the gateway's role, as when that was deleted and made anew.`
      : `The policy of ${target.lambdaArn} does not let the gateway invoke it, or there is no such function.`
  return {
    state: 'not_granted',
    message: `${reason} Repairing the registration grants it, or says what is in the way`,
    fix: commandsFor(target, roleArn, found),
  }
}

/** Of what Lambda answered in the place of reading or changing the policy. */
export function refused(
  target: Target,
  roleArn: string,
  error: unknown,
  found: Found = 'nothing',
): NotReady {
  const { lambdaArn } = target
  const { name, message } = error as Error
  const fix = commandsFor(target, roleArn, found)
  switch (name) {
    case 'ResourceNotFoundException':
      return {
        state: 'function_not_found',
        message: `There is no ${lambdaArn} yet (${message}). Deploy it, then repair the registration`,
        fix,
      }
    case 'PolicyLengthExceededException':
      return {
        state: 'not_granted',
        message: `The policy of ${lambdaArn} is full (${message}). Take statements out of it that nobody needs and repair the registration; or allow it in the gateway's role, which works and does not show here`,
        fix: [putRoleCommand(target, roleArn)],
      }
    case 'AccessDeniedException':
    case 'InvalidParameterValueException':
    case 'PublicPolicyException':
      return {
        state: 'not_granted',
        message: `Lambda does not let the registration function grant the invocation of ${lambdaArn}: ${message}`,
        fix,
      }
    default:
      return {
        state: 'unknown',
        message: `Whether the gateway may invoke ${lambdaArn} is not known, since Lambda in ${target.region} did not tell (${name}: ${message}). Repair the registration to try again`,
        fix: [],
      }
  }
}

export function notRevoked(target: Target, roleArn: string, error: unknown): Leftover {
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
  // There is none where there was no answer.
  const status = $metadata?.httpStatusCode ?? 500
  return {
    message: `The gateway's right to invoke ${target.lambdaArn} could not be taken back (${name}: ${message}): ${removeCommand(target, roleArn)}`,
    passing: status >= 500 || status === 429 || status === 409,
  }
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html */
export function otherAccount(target: Target, roleArn: string): NotReady {
  const { accountId, lambdaArn } = target
  return {
    state: 'other_account',
    message: `${lambdaArn} is in another account, where both sides have to allow the call and neither can be done or seen from here: somebody of ${accountId} runs the first command, an administrator of the gateway's account the second`,
    fix: [addCommand(target, roleArn), putRoleCommand(target, roleArn)],
    policies: { function: functionDocument(target, roleArn), role: roleDocument(target) },
  }
}

export function ofOtherAccount(target: Target, roleArn: string): Leftover {
  const commands = [removeCommand(target, roleArn), deleteRoleCommand(target, roleArn)]
  return {
    message: `${target.lambdaArn} is in another account: if the gateway was allowed to invoke it, that is taken back by hand, there and here: ${commands.join(' ; ')}`,
    passing: false,
  }
}

function commandsFor(target: Target, roleArn: string, found: Found): string[] {
  const add = addCommand(target, roleArn)
  return found === 'orphaned' ? [removeCommand(target, roleArn), add] : [add]
}
