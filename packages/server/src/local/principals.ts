import { createHash, randomBytes } from 'node:crypto'

import { ACCOUNT } from './function-arn.ts'

/** An IAM user or role session, with the credentials that sign its requests. */
export interface Principal {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  /** `arn:aws:iam::…:user/…`, or `arn:aws:sts::…:assumed-role/<role>/<session>`. */
  arn: string
  /** `AIDA…`, or `AROA…:<session>`. Default: from the ARN, one for all sessions of a role. */
  userId?: string
  /**
   * The ARN of a role without an identity policy: it may invoke only functions whose resource
   * policy allows it. A principal without `role` may invoke every function.
   */
  role?: string
}

// The example keys of the AWS documentation: secret scanners know them. They are the same at each
// start, so that the settings of a client stay valid.
export const DEVELOPER: Principal = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  arn: `arn:aws:iam::${ACCOUNT}:user/local`,
}

/** The role session of one of the gateway's own functions, with new random credentials. */
export function roleSession(role: string, functionName: string) {
  const [, , , , account, path = ''] = role.split(':')
  return {
    accessKeyId: `ASIA${uniqueIdOf(randomBytes(16)).slice(1)}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(30).toString('base64'),
    arn: `arn:aws:sts::${account}:assumed-role/${path.split('/').at(-1)}/${functionName}`,
    role,
  } satisfies Principal
}

/** `requestContext.authorizer` of a Function URL with AWS_IAM. */
export function authorizer({ accessKeyId, arn, userId = userIdOf(arn) }: Principal) {
  return {
    iam: {
      accessKey: accessKeyId,
      accountId: arn.split(':')[4] ?? ACCOUNT,
      callerId: userId,
      cognitoIdentity: null,
      principalOrgId: null,
      userArn: arn,
      userId,
    },
  }
}

function userIdOf(arn: string): string {
  const [, role, session] = /:assumed-role\/([^/]+)\/(.+)$/.exec(arn) ?? []
  return role ? `AROA${uniqueIdOf(role)}:${session}` : `AIDA${uniqueIdOf(arn)}`
}

/** Seventeen characters of the alphabet of IAM's unique ids, derived from `text`. */
const uniqueIdOf = (text: string | Buffer) =>
  [...createHash('sha256').update(text).digest()]
    .slice(0, 17)
    .map(byte => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32])
    .join('')
