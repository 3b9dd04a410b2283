/** The IAM principal behind a request, as the Function URL verified it before the function ran. */
export interface Caller {
  /** As IAM gives it; an assumed role's carries the session name, which changes. */
  arn: string
  accountId: string
  /**
   * Account and unique principal id. The same after credentials rotate and under another role-session
   * name, so it is what owns a session; two people who assume one role are one owner.
   */
  owner: string
}

/** What `requestContext.authorizer.iam` says: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html */
export interface IamAuthorizer {
  userArn: string
  accountId: string
  callerId?: string | null
  userId?: string | null
}

export function toCaller({ userArn, accountId, callerId, userId }: IamAuthorizer): Caller {
  const id = callerId || userId
  const role = assumedRole(userArn)
  // Only an assumed role's id ends in a session name. A federated user's is `<account>:<name>`, where
  // cutting at the colon would make all of them one owner.
  const principal = id ? (role ? id.split(':', 1)[0] : id) : (role?.name ?? userArn)
  return { arn: userArn, accountId, owner: `${accountId}/${principal}` }
}

/** The ARN people write into policies: an assumed role's session is mapped to its role, without a path. */
export function principalArn(arn: string): string {
  const role = assumedRole(arn)
  return role ? `arn:${role.partition}:iam::${role.accountId}:role/${role.name}` : arn
}

function assumedRole(arn: string) {
  const [, partition, accountId, name] =
    /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn) ?? []
  return name && accountId && partition ? { partition, accountId, name } : undefined
}
