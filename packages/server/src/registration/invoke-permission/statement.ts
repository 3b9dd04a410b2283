import { createHash } from 'node:crypto'
import { type LambdaArn, parseLambdaArn } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/** Where a statement of ours stands: the policy of a function, or the one of an alias or version of it. */
export interface Target extends LambdaArn {
  /** As registered, with its qualifier. */
  lambdaArn: string
  /** Without. */
  functionArn: string
}

/** A statement in the policy of a function, as far as it is looked at here. */
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

/** The same for all registrations of a stack, so that those of one function share one statement. */
export const statementId = (roleArn: string) => `mcp-lambda-sam-${digest(roleArn, 16)}`

/** The statements of a policy that are about exactly this target. */
export function statementsIn(policy: string, { lambdaArn }: Target): Statement[] {
  const { Statement = [] } = JSON.parse(policy) as { Statement?: Statement[] }
  return Statement.filter(({ Resource }) => Resource === lambdaArn)
}

/**
 * Whether a statement lets the role invoke, whoever put it there. One with a condition does not count. Nor does
 * ours when its role was deleted: IAM then shows the role's id (`AROA…`) in the place of the ARN, and a new role
 * of the same name is another one.
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

/** Lets the role invoke from the role's own side: the half of another account's function, and all of one's own. */
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
