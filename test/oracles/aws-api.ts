import type { Statement } from './rights.ts'

const REGION = 'us-east-1'

/** Signs the requests of the tests. */
export const TEST_KEY = 'test'

/** A request to an emulated API of AWS. The emulator reads the service from the signature. */
async function request(endpoint: string, service: string, path: string, init: RequestInit) {
  const authorization = `AWS4-HMAC-SHA256 Credential=${TEST_KEY}/20260101/${REGION}/${service}/aws4_request, SignedHeaders=host, Signature=none`
  const response = await fetch(new URL(path, endpoint), {
    ...init,
    headers: { authorization, 'x-amz-date': '20260101T000000Z', ...init.headers },
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${service} ${path}: ${response.status} ${text}`)
  return text
}

/** Creates a function, by default without code: for its policy the code does not matter. */
export async function createFunction(
  endpoint: string,
  name: string,
  role: string,
  zip: Uint8Array = EMPTY_ZIP,
) {
  await request(endpoint, 'lambda', '/2015-03-31/functions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      FunctionName: name,
      Role: role,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Code: { ZipFile: Buffer.from(zip).toString('base64') },
    }),
  })
}

const EMPTY_ZIP = Buffer.from(`504b0506${'00'.repeat(18)}`, 'hex')

/** The statements of the policy of a function. */
export async function policyOf(
  endpoint: string,
  name: string,
): Promise<{ Principal: { AWS?: string } | string; Action: string }[]> {
  const path = `/2015-03-31/functions/${encodeURIComponent(name)}/policy`
  const { Policy } = JSON.parse(await request(endpoint, 'lambda', path, { method: 'GET' }))
  return JSON.parse(Policy).Statement
}

/** The statements of the policies inside and attached to the role of a function. */
export async function rightsOfFunction(endpoint: string, name: string): Promise<Statement[]> {
  const path = `/2015-03-31/functions/${name}/configuration`
  const { Role } = JSON.parse(await request(endpoint, 'lambda', path, { method: 'GET' }))
  const role = String(Role).split('/').at(-1) ?? ''

  const attached = await iam(endpoint, { Action: 'ListAttachedRolePolicies', RoleName: role })
  if (attached.includes('<PolicyArn>'))
    throw new Error(`${role} has attached policies: ${attached}`)
  const names = await iam(endpoint, { Action: 'ListRolePolicies', RoleName: role })
  const documents = await Promise.all(
    [...names.matchAll(/<member>([^<]+)<\/member>/g)].map(async ([, policy = '']) => {
      const it = await iam(endpoint, {
        Action: 'GetRolePolicy',
        RoleName: role,
        PolicyName: policy,
      })
      const [, document = ''] = /<PolicyDocument>([^<]+)<\/PolicyDocument>/.exec(it) ?? []
      return JSON.parse(decodeURIComponent(document)).Statement as Statement[]
    }),
  )
  return documents.flat()
}

const iam = (endpoint: string, parameters: Record<string, string>) =>
  request(endpoint, 'iam', '/', {
    method: 'POST',
    body: new URLSearchParams({ ...parameters, Version: '2010-05-08' }),
  })
