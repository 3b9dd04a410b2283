import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import {
  AddPermissionCommand,
  GetPolicyCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'

import { isRecord } from '../is-record.ts'
import { type Account, type AccountOptions, signIn } from './account.ts'
import { DeployError, toDeployError } from './errors.ts'
import { type Audience, type UrlStatement, urlStatements } from './policies.ts'
import { accountOf, toPrincipal } from './principal.ts'
import { getStack, stackNameOf } from './stack.ts'

// URL access: whether a principal may call one of the two Function URLs. The invoke permissions of
// registered functions are another matter: see registration/invoke-permission.

interface StackOptions extends AccountOptions {
  stackName?: string | undefined
}

export interface UrlAccessOptions extends StackOptions {
  /** The number of an account, or the ARN of a role or user. */
  to: string
  as: Audience
}

export interface UrlAccess {
  functionArn: string
  principal: string
  /** How many of the two statements were added or removed. */
  changed: number
  /** The principal belongs to another account, whose own policies must allow the same. */
  isOtherAccount: boolean
  /** Ids of other statements that name this principal. Revoking keeps them. */
  otherStatements: string[]
}

/** Gives a principal URL access. Repeating it changes nothing. */
export async function grantUrlAccess(options: UrlAccessOptions): Promise<UrlAccess> {
  return change(options, async (lambda, functionArn, wanted, existing) => {
    const found = existing.find(it => it.id === wanted.StatementId)
    if (found?.principal === wanted.Principal) return false
    // IAM shows a deleted principal by its unique id. A new one of the same name is not the same.
    if (found) await remove(lambda, functionArn, wanted)
    await lambda
      .send(new AddPermissionCommand({ FunctionName: functionArn, ...wanted }))
      .catch(error => Promise.reject(refusedGrant(error, wanted.Principal)))
    return true
  })
}

/** Removes the URL access that `grantUrlAccess` gave. Changes nothing if there is none. */
export async function revokeUrlAccess(options: UrlAccessOptions): Promise<UrlAccess> {
  return change(options, async (lambda, functionArn, wanted, existing) => {
    if (!existing.some(it => it.id === wanted.StatementId)) return false
    await remove(lambda, functionArn, wanted)
    return true
  })
}

/** The ARN of the function behind the URL that this audience calls. */
export async function functionArnOf(audience: Audience, options: StackOptions): Promise<string> {
  try {
    return (await findFunction(audience, options)).functionArn
  } catch (error) {
    throw toDeployError(error)
  }
}

/** Applies `apply` to both statements. It resolves to whether it changed something. */
async function change(
  { to, as, ...options }: UrlAccessOptions,
  apply: (
    lambda: LambdaClient,
    functionArn: string,
    wanted: UrlStatement,
    existing: Statement[],
  ) => Promise<boolean>,
): Promise<UrlAccess> {
  try {
    const { account, functionArn } = await findFunction(as, options)
    const principal = toPrincipal(to, account.partition)
    const lambda = new LambdaClient(account.config)
    const existing = await statementsOf(lambda, functionArn)
    const ours = urlStatements(as, principal)
    let changed = 0
    for (const wanted of ours) if (await apply(lambda, functionArn, wanted, existing)) changed++
    const otherStatements = existing
      .filter(it => it.principal === principal)
      .map(it => it.id)
      .filter(id => !ours.some(it => it.StatementId === id))
    const isOtherAccount = accountOf(principal) !== account.accountId
    return { functionArn, principal, changed, isOtherAccount, otherStatements }
  } catch (error) {
    throw toDeployError(error)
  }
}

async function findFunction(
  audience: Audience,
  options: StackOptions,
): Promise<{ account: Account; functionArn: string }> {
  const stackName = stackNameOf(options)
  const account = await signIn(options)
  const stack = await getStack(new CloudFormationClient(account.config), stackName)
  const output = FUNCTION_OUTPUT[audience]
  const functionArn = stack.outputs[output]
  if (functionArn) return { account, functionArn }
  throw new DeployError(
    'stack_not_found',
    `The stack ${stackName} is of an older version, which has no output ${output}`,
    { hint: 'Deploy this version first.' },
  )
}

const FUNCTION_OUTPUT: Record<Audience, string> = {
  client: 'McpFunctionArn',
  admin: 'RegistrationFunctionArn',
}

/** A statement of a resource policy. `principal` is set if it is a single AWS principal. */
interface Statement {
  id: string
  principal: string | undefined
}

async function statementsOf(lambda: LambdaClient, functionArn: string): Promise<Statement[]> {
  try {
    const { Policy = '{}' } = await lambda.send(new GetPolicyCommand({ FunctionName: functionArn }))
    const policy: unknown = JSON.parse(Policy)
    const statements = isRecord(policy) ? policy['Statement'] : undefined
    return Array.isArray(statements) ? statements.filter(isRecord).map(toStatement) : []
  } catch (error) {
    // The function has no resource policy. CloudFormation has said that the function exists.
    if (isMissing(error)) return []
    throw error
  }
}

function toStatement({ Sid, Principal }: Record<string, unknown>): Statement {
  const principal = isRecord(Principal) ? Principal['AWS'] : Principal
  return {
    id: String(Sid),
    principal: typeof principal === 'string' ? principal : undefined,
  }
}

async function remove(lambda: LambdaClient, functionArn: string, { StatementId }: UrlStatement) {
  try {
    await lambda.send(new RemovePermissionCommand({ FunctionName: functionArn, StatementId }))
  } catch (error) {
    if (!isMissing(error)) throw error // another call has removed it
  }
}

/** Lambda looks the principal up, and keeps 20 KB of statements. */
function refusedGrant(cause: unknown, principal: string): unknown {
  if (!(cause instanceof Error)) return cause
  if (/principal was invalid/i.test(cause.message))
    return new DeployError('invalid_option', `AWS does not know ${principal}`, {
      hint: 'Check --to: the account, the partition, the path and the name, in upper and lower case. A new role or user is known after some seconds.',
      cause,
    })
  if (cause.name === 'PolicyLengthExceededException')
    return new DeployError('aws_error', `The policy of the function is full: ${cause.message}`, {
      hint: 'It has room for about 30 principals. Attach the managed policy of the stack to roles and users instead (the outputs McpClientPolicyArn and RegistrationAdminPolicyArn), or grant to the number of an account.',
      cause,
    })
  return cause
}

const isMissing = (error: unknown) =>
  error instanceof Error && error.name === 'ResourceNotFoundException'
