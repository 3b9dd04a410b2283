import { createHash } from 'node:crypto'
import { type LambdaArn, parseLambdaArn } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/** A function, alias or version: each has a resource policy of its own. */
export interface Target extends LambdaArn {
  /** The ARN as registered, with its qualifier. */
  lambdaArn: string
  /** The ARN without its qualifier. */
  functionArn: string
}

/** The fields of a policy statement that are read here. */
export interface Statement {
  Sid?: string
  Effect: string
  Principal: string | { AWS?: string | string[] }
  Action: string | string[]
  Resource: string
  Condition?: unknown
}

export const ACTION = 'lambda:InvokeFunction'

export function targetOf(lambdaArn: string): Target {
  const arn = parseLambdaArn(lambdaArn)
  if (typeof arn === 'string') throw new Error(`lambdaArn ${arn}`)
  const { partition, region, accountId, functionName } = arn
  const functionArn = `arn:${partition}:lambda:${region}:${accountId}:function:${functionName}`
  return { ...arn, lambdaArn, functionArn }
}

/**
 * The same id for all registrations of a stack, so that the registrations of a function share one
 * statement.
 */
export const statementId = (roleArn: string) => `mcp-lambda-sam-${digest(roleArn, 16)}`

/** The statements of a policy whose resource is exactly this target. */
export function statementsIn(policy: string, { lambdaArn }: Target): Statement[] {
  const { Statement = [] } = JSON.parse(policy) as { Statement?: Statement[] }
  return Statement.filter(({ Resource }) => Resource === lambdaArn)
}

/**
 * Whether a statement, ours or another, allows the role to invoke. A statement with a condition
 * does not count. Nor does one whose role was deleted: IAM then shows the role's id (`AROA…`)
 * instead of its ARN, and a new role with the same name is another principal.
 */
export function allows({ Effect, Principal, Action, Condition }: Statement, roleArn: string) {
  const principals = typeof Principal === 'string' ? [Principal] : [Principal.AWS ?? []].flat()
  return (
    Effect === 'Allow' &&
    principals.includes(roleArn) &&
    [Action].flat().includes(ACTION) &&
    Condition === undefined
  )
}

export const addCommand = (target: Target, roleArn: string) =>
  `aws lambda add-permission ${place(target)} --statement-id ${statementId(roleArn)} --action ${ACTION} --principal ${roleArn}`

export const removeCommand = (target: Target, roleArn: string) =>
  `aws lambda remove-permission ${place(target)} --statement-id ${statementId(roleArn)}`

const place = ({ region, functionArn, qualifier }: Target) =>
  `--region ${region} --function-name ${functionArn}${qualifier ? ` --qualifier ${qualifier}` : ''}`

/**
 * Allows the invocation in the role's own policy. For a function in another account, both sides
 * have to allow it.
 */
export const putRoleCommand = (target: Target, roleArn: string) =>
  `aws iam put-role-policy ${rolePolicy(target, roleArn)} --policy-document '${JSON.stringify(roleDocument(target))}'`

export const deleteRoleCommand = (target: Target, roleArn: string) =>
  `aws iam delete-role-policy ${rolePolicy(target, roleArn)}`

const rolePolicy = ({ functionName, lambdaArn }: Target, roleArn: string) =>
  `--role-name ${roleArn.split('/').at(-1)} --policy-name invoke-${functionName}-${digest(lambdaArn, 8)}`

export const roleDocument = ({ lambdaArn }: Target) => ({
  Version: '2012-10-17' as const,
  Statement: [{ Effect: 'Allow', Action: ACTION, Resource: lambdaArn }],
})

export const functionDocument = ({ lambdaArn }: Target, roleArn: string) => ({
  Version: '2012-10-17' as const,
  Statement: [
    {
      Sid: statementId(roleArn),
      Effect: 'Allow',
      Principal: { AWS: roleArn },
      Action: ACTION,
      Resource: lambdaArn,
    },
  ],
})

const digest = (text: string, length: number) =>
  createHash('sha256').update(text).digest('hex').slice(0, length)
