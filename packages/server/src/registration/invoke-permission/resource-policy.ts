import { setTimeout as sleep } from 'node:timers/promises'
import {
  AddPermissionCommand,
  GetPolicyCommand,
  type LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'

import type { InvokePermissions } from './permissions.ts'
import { ACTION, allows, statementId, statementsIn, type Target, targetOf } from './statement.ts'
import {
  type Found,
  notGranted,
  notRevoked,
  ofOtherAccount,
  otherAccount,
  refused,
} from './status.ts'

/** Between two looks at a policy that is being changed; the number is that of the looks. */
const PAUSES_MS = [100, 300, 900]

/**
 * Grants by a statement in the resource policy of the function, its alias or its version, with the gateway's role
 * as the principal: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html. It covers
 * Invoke and InvokeWithResponseStream alike. `clientFor` gives the client for a region, whose function may be
 * anywhere in the role's account.
 *
 * `ready` says that the statement was read back. A dry run would prove less: it tells of the rights of whoever makes
 * it, and the registration function's role may invoke nothing.
 */
export function resourcePolicyPermissions(
  clientFor: (region: string) => LambdaClient,
  roleArn: string,
): InvokePermissions {
  const [, , , , accountId] = roleArn.split(':')
  const sid = statementId(roleArn)

  return {
    async grant(lambdaArn, justRevoked = false) {
      const target = targetOf(lambdaArn)
      if (target.accountId !== accountId) return otherAccount(target, roleArn)
      let found: Found = 'nothing'
      try {
        for (const [look, pause] of PAUSES_MS.entries()) {
          if (look > 0 || !justRevoked) found = await read(target)
          if (found === 'granted') return { state: 'ready' }
          if (found === 'orphaned') await remove(target)
          if (!(await add(target))) await sleep(pause)
        }
        if ((await read(target)) === 'granted') return { state: 'ready' }
        throw new Error(`the statement ${sid} does not show in its policy`)
      } catch (error) {
        return refused(target, roleArn, error, found)
      }
    },
    async status(lambdaArn) {
      const target = targetOf(lambdaArn)
      if (target.accountId !== accountId) return otherAccount(target, roleArn)
      try {
        const found = await read(target)
        return found === 'granted' ? { state: 'ready' } : notGranted(target, roleArn, found)
      } catch (error) {
        return refused(target, roleArn, error)
      }
    },
    async revoke(lambdaArn) {
      const target = targetOf(lambdaArn)
      if (target.accountId !== accountId) return ofOtherAccount(target, roleArn)
      try {
        await remove(target)
        return undefined
      } catch (error) {
        return notRevoked(target, roleArn, error)
      }
    },
  }

  async function read(target: Target): Promise<Found> {
    const { Policy } = await clientFor(target.region)
      .send(new GetPolicyCommand(at(target)))
      // There is no policy, or no function; only AddPermission tells which.
      .catch(ifNamed('ResourceNotFoundException', { Policy: undefined }))
    const statements = Policy ? statementsIn(Policy, target) : []
    if (statements.some(it => allows(it, roleArn))) return 'granted'
    return statements.some(({ Sid }) => Sid === sid) ? 'orphaned' : 'nothing'
  }

  /** False when it is there already, or when the function is being changed by somebody else. */
  async function add(target: Target): Promise<boolean> {
    const statement = { StatementId: sid, Action: ACTION, Principal: roleArn }
    return clientFor(target.region)
      .send(new AddPermissionCommand({ ...at(target), ...statement }))
      .then(() => true, ifNamed('ResourceConflictException', false))
  }

  async function remove(target: Target): Promise<void> {
    const command = new RemovePermissionCommand({ ...at(target), StatementId: sid })
    // Not there, or with its function: both are what is wanted.
    await clientFor(target.region)
      .send(command)
      .catch(ifNamed('ResourceNotFoundException', undefined))
  }
}

const at = ({ functionArn, qualifier }: Target) => ({
  FunctionName: functionArn,
  ...(qualifier && { Qualifier: qualifier }),
})

/** For `catch`: this error stands for a value. */
const ifNamed =
  <Value>(name: string, value: Value) =>
  (error: Error): Value => {
    if (error.name === name) return value
    throw error
  }
