import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { devNull } from 'node:os'
import { join } from 'node:path'

import { ACCOUNT } from './function-arn.ts'

/** Which AWS account the functions of the developer reach. */
export type AwsAccess =
  /** None: every call of an AWS SDK fails at once, with a message that says how to allow it. */
  | { type: 'none' }
  /** The account of a profile. `region` is the one of the profile, if it names one. */
  | { type: 'profile'; profile: string; region?: string }
  /** The credentials in the environment of the gateway. */
  | { type: 'environment' }

const MESSAGE =
  'This function runs in a local gateway and reaches no AWS account. Start the gateway with --aws-profile NAME, or with --aws-credentials env, to give functions your own access. For an emulator set --env AWS_ENDPOINT_URL_<SERVICE>=<url> and its keys'

/** Not retried by any SDK. */
const CODE = 'NoAwsAccess'

/**
 * The variables that give functions `access`. Without any access there are no keys at all, so that
 * none can reach AWS: an SDK that looks for credentials finds a web identity, and asks STS at `url`
 * for them. `url` is that of `refuseAwsCalls`, which also gets the calls that need no credentials.
 * https://docs.aws.amazon.com/sdkref/latest/guide/access-assume-role-web.html
 */
export async function awsVariables(
  access: AwsAccess,
  url: string,
  temporary: string,
): Promise<Record<string, string>> {
  if (access.type === 'environment') return ofShell(/^AWS_/)
  if (access.type === 'profile') {
    const region = process.env['AWS_REGION'] ?? access.region
    return {
      ...ofShell(/^AWS_(CONFIG_FILE|SHARED_CREDENTIALS_FILE|CA_BUNDLE|SDK_|USE_)/),
      AWS_PROFILE: access.profile,
      ...(region && { AWS_REGION: region, AWS_DEFAULT_REGION: region }),
    }
  }
  const token = join(temporary, 'aws', 'no-token')
  await mkdir(join(temporary, 'aws'), { recursive: true })
  await writeFile(token, MESSAGE)
  return {
    AWS_ENDPOINT_URL: url,
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false',
    AWS_WEB_IDENTITY_TOKEN_FILE: token,
    AWS_ROLE_ARN: `arn:aws:iam::${ACCOUNT}:role/no-aws-access`,
    AWS_ROLE_SESSION_NAME: 'local',
    AWS_STS_REGIONAL_ENDPOINTS: 'regional',
    // Otherwise the AWS SDK would read the developer's own settings, or look for an EC2 instance.
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

const ofShell = (name: RegExp): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) =>
      name.test(key) && value !== undefined ? [[key, value]] : [],
    ),
  )

/** Refuses every call of an AWS SDK, in the format of its protocol. */
export function refuseAwsCalls(): Server {
  return createServer((request, response) => {
    request.resume()
    const [type, body] = refusalFor(request)
    response
      .writeHead(403, { 'content-type': type, 'x-amzn-errortype': CODE, ...cborHeader(request) })
      .end(request.method === 'HEAD' ? undefined : body)
  })
}

/** https://smithy.io/2.0/aws/protocols/index.html */
function refusalFor({ headers }: IncomingMessage): [type: string, body: string | Buffer] {
  if (headers['smithy-protocol'] === 'rpc-v2-cbor')
    return ['application/cbor', cbor({ __type: CODE, message: MESSAGE })]
  const service = /\/\d{8}\/[a-z0-9-]+\/([a-z0-9-]+)\//.exec(headers.authorization ?? '')?.[1]
  const type = headers['content-type'] ?? ''
  if (type.startsWith('application/x-www-form-urlencoded'))
    return [
      'text/xml',
      `<ErrorResponse><Error><Type>Sender</Type><Code>${CODE}</Code><Message>${MARKUP}</Message></Error><RequestId>local</RequestId></ErrorResponse>`,
    ]
  if (/^(s3|s3express|s3-outposts|route53|cloudfront)$/.test(service ?? '') || /xml/.test(type))
    return ['application/xml', `<Error><Code>${CODE}</Code><Message>${MARKUP}</Message></Error>`]
  const json = { __type: CODE, code: CODE, message: MESSAGE, Message: MESSAGE }
  return ['application/json', JSON.stringify(json)]
}

const MARKUP = MESSAGE.replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const cborHeader = ({ headers }: IncomingMessage): Record<string, string> =>
  headers['smithy-protocol'] ? { 'smithy-protocol': 'rpc-v2-cbor' } : {}

/** A map of short texts: RFC 8949. */
function cbor(fields: Record<string, string>): Buffer {
  const texts = Object.entries(fields).flatMap(pair => pair.map(cborText))
  return Buffer.concat([Buffer.from([0xa0 | (texts.length / 2)]), ...texts])
}

function cborText(text: string): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.from([0x79, bytes.length >> 8, bytes.length & 0xff])
  return Buffer.concat([head, bytes])
}
