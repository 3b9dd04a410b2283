import { createHash, randomBytes } from 'node:crypto'

import { ACCOUNT } from './function-arn.ts'

/** Somebody who can sign requests. */
export interface Principal {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  /** `arn:aws:iam::…:user/…`, or `arn:aws:sts::…:assumed-role/<role>/<session>`. */
  arn: string
  /** `AIDA…`, or `AROA…:<session>`. Made from the ARN when absent, the same for every session of a role. */
  userId?: string
  /** The ARN of a role that may invoke only what the policy of a function lets it; anybody else may invoke all. */
  role?: string
}

// The keys of AWS's own examples: known to everybody, also to scanners that look for leaked ones. They stay
// the same from start to start, so that a client's settings do.
export const DEVELOPER: Principal = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  arn: `arn:aws:iam::${ACCOUNT}:user/local`,
}

/** The role of all functions that run here, beside the gateway's own. */
export const FUNCTION_ROLE = {
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY',
  sessionToken: 'local-function-session-token',
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/local-functions/local`,
} satisfies Principal

/** A function of the gateway, under the role that it has on AWS. Nobody outside needs its keys. */
export function roleSession(role: string, functionName: string) {
  const [, , , , account, path = ''] = role.split(':')
  return {
    accessKeyId: `ASIA${digest(randomBytes(16)).slice(1)}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(30).toString('base64'),
    arn: `arn:aws:sts::${account}:assumed-role/${path.split('/').at(-1)}/${functionName}`,
    role,
  } satisfies Principal
}

/** `requestContext.authorizer` of a Function URL with AWS_IAM. */
export function authorizer({ accessKeyId, arn, userId = uniqueId(arn) }: Principal) {
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

function uniqueId(arn: string): string {
  const [, role, session] = /:assumed-role\/([^/]+)\/(.+)$/.exec(arn) ?? []
  return role ? `AROA${digest(role)}:${session}` : `AIDA${digest(arn)}`
}

/** Seventeen characters of the alphabet that IAM's ids are written in. */
const digest = (text: string | Buffer) =>
  [...createHash('sha256').update(text).digest()]
    .slice(0, 17)
    .map(byte => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32])
    .join('')
