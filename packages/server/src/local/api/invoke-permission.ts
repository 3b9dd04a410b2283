import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Principal } from '../principals.ts'
import type { Policies, Statement } from '../resource-policies.ts'
import { problem } from './invoke-response.ts'

/** A call of AddPermission, GetPolicy or RemovePermission for a function that exists. */
export interface PolicyCall {
  method: string
  /** With its qualifier. */
  resource: string
  qualifier?: string
  /** Of RemovePermission. */
  statementId: string | undefined
  /** JSON text, of AddPermission. */
  body: string
}

/** The size of a policy: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const POLICY_LIMIT = 20_480

/** The three operations of the Lambda API that change a policy by one statement, and read it. */
export function answerPolicy(policies: Policies, call: PolicyCall, response: ServerResponse) {
  const statements = policies.of(call.resource)
  if (call.qualifier === '$LATEST')
    return problem(
      response,
      400,
      INVALID,
      'We currently do not support adding policies for $LATEST.',
    )
  switch (call.method) {
    case 'POST':
      return add(policies, call, statements, response)
    case 'GET':
      if (statements.length === 0) return problem(response, 404, NOT_FOUND, NO_POLICY)
      return send(response, 200, { Policy: policyOf(statements), RevisionId: randomUUID() })
    default: {
      const left = statements.filter(({ Sid }) => Sid !== call.statementId)
      if (left.length === statements.length)
        return problem(response, 404, NOT_FOUND, 'No policy is associated with the given resource.')
      policies.set(call.resource, left)
      response.writeHead(204).end()
    }
  }
}

/** Whether a role may invoke what only statements let it. As on AWS, one for the function does not cover its alias. */
export function mayInvoke(policies: Policies, { role }: Principal, resource: string): boolean {
  if (role === undefined) return true
  const unqualified = resource.replace(/:\$LATEST$/, '')
  return policies.of(unqualified).some(({ Action, Principal }) => {
    const { AWS } = Principal as { AWS?: string }
    return Action === 'lambda:InvokeFunction' && AWS === role
  })
}

export const notAuthorized = (response: ServerResponse, { arn }: Principal, resource: string) =>
  problem(
    response,
    403,
    'AccessDeniedException',
    `User: ${arn} is not authorized to perform: lambda:InvokeFunction on resource: ${resource} because no resource-based policy allows the lambda:InvokeFunction action`,
  )

function add(
  policies: Policies,
  { resource, body }: PolicyCall,
  statements: readonly Statement[],
  response: ServerResponse,
) {
  const { StatementId = '', Action = '', Principal = '' } = fields(body)
  if (!/^[\w-]{1,100}$/.test(StatementId))
    return problem(response, 400, INVALID, `Value '${StatementId}' at 'statementId' is not valid`)
  if (!/^lambda:(\*|[a-zA-Z]+)$/.test(Action))
    return problem(response, 400, INVALID, `Value '${Action}' at 'action' is not valid`)
  if (
    !/^(arn:[\w-]+:iam::\d{12}:(root|(role|user)\/.+)|\d{12}|\*|[\w.-]+\.amazonaws\.com)$/.test(
      Principal,
    )
  )
    return problem(
      response,
      400,
      INVALID,
      'The provided principal was invalid. Please check the principal and try again.',
    )
  if (statements.some(({ Sid }) => Sid === StatementId))
    return problem(
      response,
      409,
      'ResourceConflictException',
      `The statement id (${StatementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
    )
  const statement: Statement = {
    Sid: StatementId,
    Effect: 'Allow',
    Principal: Principal.endsWith('.amazonaws.com') ? { Service: Principal } : { AWS: Principal },
    Action,
    Resource: resource,
  }
  const next = [...statements, statement]
  const size = Buffer.byteLength(policyOf(next))
  if (size > POLICY_LIMIT)
    return problem(
      response,
      400,
      'PolicyLengthExceededException',
      `The final policy size (${size}) is bigger than the limit (${POLICY_LIMIT}).`,
    )
  policies.set(resource, next)
  send(response, 201, { Statement: JSON.stringify(statement) })
}

/** Of the fields that the gateway uses; others would be a condition, which nothing here looks at. */
function fields(body: string): Record<string, string | undefined> {
  try {
    return Object(JSON.parse(body))
  } catch {
    return {} // then what is required is missing
  }
}

const policyOf = (statements: readonly Statement[]) =>
  JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: statements })

function send(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const INVALID = 'InvalidParameterValueException'
const NOT_FOUND = 'ResourceNotFoundException'
const NO_POLICY = 'The resource you requested does not exist.'
