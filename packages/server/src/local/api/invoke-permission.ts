import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'

import { isRecord } from '../../is-record.ts'
import type { Principal } from '../principals.ts'
import type { ResourcePolicies, Statement } from '../resource-policies.ts'
import { apiError } from './invoke-response.ts'

/** A call of AddPermission, GetPolicy or RemovePermission. The function exists. */
export interface PolicyOperation {
  method: string
  /** The ARN of the function, with the qualifier. */
  resource: string
  qualifier?: string
  /** RemovePermission only. */
  statementId: string | undefined
  /** AddPermission only: JSON text. */
  body: string
}

/** Bytes. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const POLICY_LIMIT = 20_480

/** AddPermission (POST), GetPolicy (GET) and RemovePermission (DELETE). */
export function handlePolicyOperation(
  policies: ResourcePolicies,
  operation: PolicyOperation,
  response: ServerResponse,
) {
  const { method, resource, qualifier, statementId } = operation
  const statements = policies.statements(resource)
  if (qualifier === '$LATEST') return apiError(response, 400, INVALID, NO_LATEST)
  switch (method) {
    case 'POST':
      return addPermission(policies, operation, response)
    case 'GET':
      if (statements.length === 0) return apiError(response, 404, NOT_FOUND, NO_POLICY)
      return send(response, 200, { Policy: policyOf(statements), RevisionId: randomUUID() })
    default: {
      const left = statements.filter(({ Sid }) => Sid !== statementId)
      if (left.length === statements.length) return apiError(response, 404, NOT_FOUND, NO_STATEMENT)
      policies.set(resource, left)
      response.writeHead(204).end()
    }
  }
}

/**
 * Whether the caller has the invoke permission. As on AWS, a statement for the function does not
 * cover its alias.
 */
export function mayInvoke(
  policies: ResourcePolicies,
  { role }: Principal,
  resource: string,
): boolean {
  if (role === undefined) return true
  const unqualified = resource.replace(/:\$LATEST$/, '')
  return policies
    .statements(unqualified)
    .some(
      ({ Action, Principal }) =>
        Action === 'lambda:InvokeFunction' && isRecord(Principal) && Principal['AWS'] === role,
    )
}

export const sendAccessDenied = (response: ServerResponse, { arn }: Principal, resource: string) =>
  apiError(
    response,
    403,
    'AccessDeniedException',
    `User: ${arn} is not authorized to perform: lambda:InvokeFunction on resource: ${resource} because no resource-based policy allows the lambda:InvokeFunction action`,
  )

function addPermission(
  policies: ResourcePolicies,
  { resource, body }: PolicyOperation,
  response: ServerResponse,
) {
  const { StatementId, Action, Principal, RevisionId } = parsePermission(body)
  const statements = policies.statements(resource)
  if (!/^[\w-]{1,100}$/.test(StatementId))
    return apiError(response, 400, INVALID, `Value '${StatementId}' at 'statementId' is not valid`)
  if (!/^lambda:(\*|[a-zA-Z]+)$/.test(Action))
    return apiError(response, 400, INVALID, `Value '${Action}' at 'action' is not valid`)
  if (!PRINCIPAL.test(Principal)) return apiError(response, 400, INVALID, INVALID_PRINCIPAL)
  if (statements.some(({ Sid }) => Sid === StatementId))
    return apiError(
      response,
      409,
      'ResourceConflictException',
      `The statement id (${StatementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
    )
  // Each response has another revision, so no revision matches.
  if (RevisionId) return apiError(response, 412, 'PreconditionFailedException', WRONG_REVISION)
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
    return apiError(
      response,
      400,
      'PolicyLengthExceededException',
      `The final policy size (${size}) is bigger than the limit (${POLICY_LIMIT}).`,
    )
  policies.set(resource, next)
  send(response, 201, { Statement: JSON.stringify(statement) })
}

/**
 * The fields of AddPermission that the gateway's code sends. A missing field is an empty text,
 * which the checks refuse. Other fields are conditions, which the local gateway ignores.
 */
function parsePermission(body: string) {
  const sent = parseJson(body)
  const field = (name: string) => String((isRecord(sent) && sent[name]) || '')
  return {
    StatementId: field('StatementId'),
    Action: field('Action'),
    Principal: field('Principal'),
    RevisionId: field('RevisionId'),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The checks refuse the missing fields.
    return undefined
  }
}

const policyOf = (statements: readonly Statement[]) =>
  JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: statements })

function send(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const PRINCIPAL =
  /^(arn:[\w-]+:iam::\d{12}:(root|(role|user)\/.+)|\d{12}|\*|[\w.-]+\.amazonaws\.com)$/

const INVALID = 'InvalidParameterValueException'
const NOT_FOUND = 'ResourceNotFoundException'
const NO_POLICY = 'The resource you requested does not exist.'
const NO_STATEMENT = 'No policy is associated with the given resource.'
const NO_LATEST = 'We currently do not support adding policies for $LATEST.'
const WRONG_REVISION =
  'The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id'
const INVALID_PRINCIPAL =
  'The provided principal was invalid. Please check the principal and try again.'
