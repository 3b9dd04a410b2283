import { setTimeout as sleep } from 'node:timers/promises'
import {
  AddPermissionCommand,
  GetPolicyCommand,
  type LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'
import type { RegistrationStatus } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { InvokePermissions, PermissionCheck } from './permissions.ts'
import {
  ACTION,
  allows,
  type Statement,
  statementId,
  statementsIn,
  type Target,
  targetOf,
} from './statement.ts'
import {
  type GrantCondition,
  grantFailed,
  manualRevoke,
  notGranted,
  otherAccount,
  revokeFailed,
  type StatementState,
} from './status.ts'

/** Pauses before the policy is read again after a conflict; also the number of attempts. */
const PAUSES_MS = [100, 300, 900]

/**
 * Grants with a statement in the resource policy of the function, its alias or its version, whose
 * principal is the gateway's role:
 * https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html. The statement
 * covers Invoke and InvokeWithResponseStream. `clientFor` gives the client for a region: functions
 * may be in any region of the role's account.
 *
 * `ready` says that the statement was read back. A dry run of Invoke would not show it: it tests
 * the permissions of its caller, and the registration function's role may invoke nothing.
 */
export function resourcePolicyPermissions(
  clientFor: (region: string) => LambdaClient,
  roleArn: string,
  grantCondition: GrantCondition = 'principal',
): InvokePermissions {
  const [, , , , accountId] = roleArn.split(':')
  const sid = statementId(roleArn)

  return {
    async grant(lambdaArn, justRevoked = false) {
      const target = targetOf(lambdaArn)
      if (target.accountId !== accountId) return otherAccount(target, roleArn)
      let state: StatementState = 'none'
      let condition: GrantCondition = 'none'
      try {
        for (const [attempt, pause] of PAUSES_MS.entries()) {
          if (attempt > 0 || !justRevoked) state = await read(target)
          if (state === 'granted') return { state: 'ready' }
          if (state === 'orphaned') await remove(target)
          condition = grantCondition
          const isAdded = await add(target)
          condition = 'none'
          if (!isAdded) await sleep(pause)
        }
        if ((await read(target)) === 'granted') return { state: 'ready' }
        throw new Error(`the statement ${sid} is still not in the policy`)
      } catch (error) {
        return grantFailed(target, roleArn, error, { state, condition })
      }
    },
    async check(lambdaArn) {
      const target = targetOf(lambdaArn)
      if (target.accountId !== accountId) return failed(otherAccount(target, roleArn))
      let state: StatementState = 'none'
      let condition: GrantCondition = 'none'
      try {
        state = await read(target)
        if (state === 'granted') return { status: { state: 'ready' }, grants: false }
        condition = grantCondition
        // Where the statement names another role, Lambda refuses the id before it looks further.
        if (await add(target, NO_REVISION)) await remove(target)
        return WOULD_GRANT
      } catch (error) {
        if ((error as Error).name === 'PreconditionFailedException') return WOULD_GRANT
        return failed(grantFailed(target, roleArn, error, { state, condition }))
      }
    },
    async status(lambdaArn) {
      const target = targetOf(lambdaArn)
      if (target.accountId !== accountId) return otherAccount(target, roleArn)
      try {
        const state = await read(target)
        return state === 'granted' ? { state: 'ready' } : notGranted(target, roleArn, state)
      } catch (error) {
        return grantFailed(target, roleArn, error)
      }
    },
    async revoke(lambdaArn) {
      const target = targetOf(lambdaArn)
      if (target.accountId !== accountId) return manualRevoke(target, roleArn)
      try {
        await remove(target)
        return undefined
      } catch (error) {
        return revokeFailed(target, roleArn, error)
      }
    },
  }

  async function read(target: Target): Promise<StatementState> {
    const statements = await statementsOf(target)
    if (statements.some(it => allows(it, roleArn))) return 'granted'
    return statements.some(({ Sid }) => Sid === sid) ? 'orphaned' : 'none'
  }

  async function statementsOf(target: Target): Promise<Statement[]> {
    const { Policy } = await clientFor(target.region)
      .send(new GetPolicyCommand(at(target)))
      // The policy or the function does not exist. Only AddPermission tells the two apart.
      .catch(ifNamed('ResourceNotFoundException', { Policy: undefined }))
    return Policy ? statementsIn(Policy, target) : []
  }

  /** False when the statement exists already, or another update of the function is in progress. */
  async function add(target: Target, RevisionId?: string): Promise<boolean> {
    const statement = { StatementId: sid, Action: ACTION, Principal: roleArn, RevisionId }
    return clientFor(target.region)
      .send(new AddPermissionCommand({ ...at(target), ...statement }))
      .then(() => true, ifNamed('ResourceConflictException', false))
  }

  async function remove(target: Target): Promise<void> {
    const command = new RemovePermissionCommand({ ...at(target), StatementId: sid })
    try {
      await clientFor(target.region).send(command)
    } catch (error) {
      const { name } = error as Error
      // The statement is gone, alone or with its function.
      if (name === 'ResourceNotFoundException') return
      // A missing statement has no principal, so the condition in the policy of our role denies its
      // removal. Only the policy tells the two apart.
      if (name !== 'AccessDeniedException' || (await isPresent(target))) throw error
    }
  }

  /** True also where the policy cannot be read. */
  async function isPresent(target: Target): Promise<boolean> {
    return statementsOf(target).then(
      statements => statements.some(({ Sid }) => Sid === sid),
      () => true,
    )
  }
}

const WOULD_GRANT: PermissionCheck = { status: { state: 'ready' }, grants: true }
const failed = (status: RegistrationStatus): PermissionCheck => ({ status, grants: false })

/**
 * The revision of no policy. Lambda checks rights, function and principal, and then refuses to add
 * the statement: https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html. The order of
 * the checks is not documented. Should Lambda add the statement all the same, it is removed.
 */
const NO_REVISION = '00000000-0000-0000-0000-000000000000'

const at = ({ functionArn, qualifier }: Target) => ({
  FunctionName: functionArn,
  ...(qualifier && { Qualifier: qualifier }),
})

/** A `catch` callback that replaces errors of this name with a value. */
const ifNamed =
  <Value>(name: string, value: Value) =>
  (error: Error): Value => {
    if (error.name === name) return value
    throw error
  }
