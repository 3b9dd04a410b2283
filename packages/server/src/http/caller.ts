/** The IAM principal behind a request, as the Function URL verified it before the function ran. */
export interface Caller {
  /** As IAM gives it. The ARN of an assumed role has the role-session name, which changes. */
  arn: string
  accountId: string
  /**
   * The owner of sessions, streams and request states: only compared. Account and unique principal
   * id, which stay the same when credentials rotate. `OwnerBy` says whether the role-session name
   * is a part of it.
   */
  owner: string
}

/** Who is one owner: all role sessions of a role, or those with one role-session name. */
export type OwnerBy = 'role' | 'session-name'

/**
 * `requestContext.authorizer.iam` of a Function URL's event:
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
export interface IamAuthorizer {
  userArn: string
  accountId: string
  callerId?: string | null
  userId?: string | null
}

export function toCaller(
  { userArn, accountId, callerId, userId }: IamAuthorizer,
  ownerBy: OwnerBy = 'role',
): Caller {
  const id = callerId || userId
  const role = assumedRole(userArn)
  // Only the id of an assumed role ends in a role-session name. The id of a federated user is
  // `<account>:<name>`: without the part after the colon, all federated users would be one owner.
  const principal = id ? (role ? id.split(':', 1)[0] : id) : (role?.name ?? userArn)
  const person = role && ownerBy === 'session-name' ? `:${role.sessionName}` : ''
  return { arn: userArn, accountId, owner: `${accountId}/${principal}${person}` }
}

/** The ARN that a policy names: a role session is mapped to its role, without the role's path. */
export function principalArn(arn: string): string {
  const role = assumedRole(arn)
  return role ? `arn:${role.partition}:iam::${role.accountId}:role/${role.name}` : arn
}

/** The role-session name of an assumed role. Undefined for every other principal. */
export const sessionNameOf = (arn: string): string | undefined => assumedRole(arn)?.sessionName

/** The role or user behind a caller, by which `allow` compares it. */
export interface Principal {
  partition: string
  accountId: string
  /** Undefined for principals that are neither a role nor a user, such as a federated user. */
  kind: 'role' | 'user' | undefined
  /** Without the path, which Lambda does not tell for roles. */
  name: string
  /** Of a role session alone. */
  sessionName?: string
}

export function principalOf(arn: string): Principal {
  const role = assumedRole(arn)
  if (role) return { ...role, kind: 'role' }
  const [, partition = '', service, , accountId = '', resource = ''] = arn.split(':')
  const [, kind, name = ''] = /^(role|user)\/(?:.*\/)?([^/]+)$/.exec(resource) ?? []
  return service === 'iam' && (kind === 'role' || kind === 'user')
    ? { partition, accountId, kind, name }
    : { partition, accountId, kind: undefined, name: '' }
}

function assumedRole(arn: string) {
  const [, partition, accountId, name, sessionName = ''] =
    /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\/(.*)$/s.exec(arn) ?? []
  return name && accountId && partition ? { partition, accountId, name, sessionName } : undefined
}
