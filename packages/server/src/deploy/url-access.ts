import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import {
  AddPermissionCommand,
  GetPolicyCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'

import { type AccountOptions, signIn } from './account.ts'
import { DeployError, explained } from './errors.ts'
import { type Audience, type Grant, identityPolicy, resourceGrants } from './policies.ts'
import { accountOf, toPrincipal } from './principal.ts'
import { DEFAULT_STACK_NAME, getStack } from './stack.ts'

export interface AccessOptions extends AccountOptions {
  stackName?: string | undefined
  /** The number of an account, or the ARN of a role or user. */
  to: string
  as: Audience
}

export interface Access {
  functionArn: string
  principal: string
  /** How many of the two statements had to be written or removed. */
  changed: number
  /** Of another account: its own policies have to allow the same. */
  foreign: boolean
  /** Ids of statements that somebody else wrote for this principal; revoking leaves them. */
  others: string[]
}

/** Lets a principal call one of the two Function URLs. Repeating it changes nothing. */
export async function grant(options: AccessOptions): Promise<Access> {
  return change(options, async (lambda, functionArn, wanted, existing) => {
    const found = existing.find(it => it.Sid === wanted.StatementId)
    if (found && principalOf(found) === wanted.Principal) return false
    // IAM shows a principal that was deleted by its unique id, and a new one of that name is another.
    if (found) await remove(lambda, functionArn, wanted)
    await lambda.send(new AddPermissionCommand({ FunctionName: functionArn, ...wanted }))
    return true
  })
}

/** Takes that back. Nothing to take back is fine. */
export async function revoke(options: AccessOptions): Promise<Access> {
  return change(options, async (lambda, functionArn, wanted, existing) => {
    if (!existing.some(it => it.Sid === wanted.StatementId)) return false
    await remove(lambda, functionArn, wanted)
    return true
  })
}

/** The policy that a principal can be given itself. */
export async function policyFor(
  audience: Audience,
  options: AccountOptions & { stackName?: string | undefined },
): Promise<ReturnType<typeof identityPolicy>> {
  try {
    const { functionArn } = await locate(audience, options)
    return identityPolicy(functionArn)
  } catch (error) {
    throw explained(error)
  }
}

async function change(
  { to, as, ...options }: AccessOptions,
  apply: (
    lambda: LambdaClient,
    functionArn: string,
    wanted: Grant,
    existing: Statement[],
  ) => Promise<boolean>,
): Promise<Access> {
  try {
    const { account, functionArn } = await locate(as, options)
    const principal = toPrincipal(to, account.partition)
    const lambda = new LambdaClient(account.config)
    const existing = await statementsOf(lambda, functionArn)
    const ours = resourceGrants(as, principal)
    let changed = 0
    for (const wanted of ours) if (await apply(lambda, functionArn, wanted, existing)) changed++
    const others = existing
      .filter(it => principalOf(it) === principal)
      .map(it => it.Sid)
      .filter(sid => !ours.some(it => it.StatementId === sid))
    const foreign = accountOf(principal) !== account.accountId
    return { functionArn, principal, changed, foreign, others }
  } catch (error) {
    throw explained(error)
  }
}

async function locate(
  audience: Audience,
  {
    stackName = DEFAULT_STACK_NAME,
    ...options
  }: AccountOptions & { stackName?: string | undefined },
) {
  const account = await signIn(options)
  const cloudformation = new CloudFormationClient(account.config)
  const stack = await getStack(cloudformation, stackName)
  const functionArn = stack.outputs[FUNCTION_OUTPUT[audience]]
  if (functionArn) return { account, functionArn }
  throw new DeployError(
    'stack_not_found',
    `The stack ${stackName} is of a version that does not tell the ARN of its function`,
    'Deploy this version first.',
  )
}

const FUNCTION_OUTPUT: Record<Audience, string> = {
  client: 'McpFunctionArn',
  admin: 'RegistrationFunctionArn',
}

interface Statement {
  Sid: string
  Principal?: string | { AWS?: string | string[] }
}

async function statementsOf(lambda: LambdaClient, functionArn: string): Promise<Statement[]> {
  try {
    const { Policy = '{}' } = await lambda.send(new GetPolicyCommand({ FunctionName: functionArn }))
    return (JSON.parse(Policy) as { Statement?: Statement[] }).Statement ?? []
  } catch (error) {
    // A function without a policy has none to get; that the function exists, CloudFormation has said.
    if (isMissing(error)) return []
    throw error
  }
}

function principalOf({ Principal }: Statement): string | undefined {
  const principal = typeof Principal === 'object' ? Principal.AWS : Principal
  return typeof principal === 'string' ? principal : undefined
}

async function remove(lambda: LambdaClient, functionArn: string, { StatementId }: Grant) {
  try {
    await lambda.send(new RemovePermissionCommand({ FunctionName: functionArn, StatementId }))
  } catch (error) {
    if (!isMissing(error)) throw error // somebody else was faster
  }
}

const isMissing = (error: unknown) =>
  error instanceof Error && error.name === 'ResourceNotFoundException'
