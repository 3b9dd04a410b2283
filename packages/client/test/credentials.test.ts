import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'

import type { CredentialProvider, Credentials } from '../src/signing/credentials.ts'
import { signedFetch } from '../src/signing/signed-fetch.ts'
import { type LoopbackServer, serve } from './support/server.ts'
import { REGION, refusalOf } from './support/verifier.ts'

const region = REGION
const OLD = { accessKeyId: 'AKIDOLD', secretAccessKey: 'old', sessionToken: 'old token' }
const NEW = { accessKeyId: 'AKIDNEW', secretAccessKey: 'new', sessionToken: 'new token' }

afterEach(() => vi.unstubAllEnvs())

/** Refuses everybody but `accepted`, with the type that IAM would give. */
const serveOnly = (accepted: Credentials, type = 'ExpiredTokenException') =>
  serve((request, response) => {
    const refused = refusalOf(request, accepted)
    if (!refused) return response.end('welcome')
    response.writeHead(403, { 'x-amzn-errortype': type }).end('{"Message":"refused"}')
  })

/** What a provider with a memory gives until it is told to look again. */
const renewable = () => {
  let remembered = OLD
  return vi.fn<CredentialProvider>(async ({ forceRefresh } = {}) => {
    if (forceRefresh) remembered = NEW
    return remembered
  })
}

const keysUsed = ({ received }: LoopbackServer) =>
  received.map(({ headers }) => /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1])

describe('a provider', () => {
  test('is called for every request, so changed credentials are used at once', async () => {
    const server = await serve((_request, response) => response.end())
    const found = [OLD, NEW, OLD]
    const credentials = vi.fn<CredentialProvider>(async () => found.shift() ?? OLD)
    const fetch = signedFetch({ region, credentials })
    for (let request = 0; request < 3; request++) await fetch(server.url)

    expect(keysUsed(server)).toEqual(['AKIDOLD', 'AKIDNEW', 'AKIDOLD'])
  })

  test('is asked to refresh once when its credentials have expired', async () => {
    const server = await serveOnly(NEW)
    const credentials = renewable()
    const response = await signedFetch({ region, credentials })(server.url, {
      method: 'POST',
      body: 'sent again in full',
    })

    expect(await response.text()).toBe('welcome')
    expect(server.received.map(({ body }) => body.toString())).toEqual([
      'sent again in full',
      'sent again in full',
    ])
    expect(credentials.mock.calls.filter(([options]) => options?.forceRefresh)).toHaveLength(1)
  })

  test('refreshes once for eight requests that are refused together', async () => {
    const server = await serveOnly(NEW, 'UnrecognizedClientException')
    const asked: ('current' | 'fresh')[] = []
    const credentials: CredentialProvider = async ({ forceRefresh } = {}) => {
      asked.push(forceRefresh ? 'fresh' : 'current')
      if (!forceRefresh) return OLD
      // Each asks before it signs and once more when it has been refused: now all eight have been.
      await vi.waitUntil(() => asked.filter(what => what === 'current').length === 16)
      return NEW
    }
    const fetch = signedFetch({ region, credentials })
    const responses = await Promise.all(Array.from({ length: 8 }, () => fetch(server.url)))

    expect(responses.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(asked.filter(what => what === 'fresh')).toHaveLength(1)
  })

  test('without other credentials leaves the refusal unchanged, after one request', async () => {
    const server = await serveOnly(NEW, 'AccessDeniedException')
    const response = await signedFetch({ region, credentials: async () => OLD })(server.url)

    expect(response.status).toBe(403)
    expect(await response.text()).toBe('{"Message":"refused"}')
    expect(server.received).toHaveLength(1)
  })

  test('that fails to refresh leaves the refusal unchanged', async () => {
    const server = await serveOnly(NEW)
    const credentials: CredentialProvider = async options => {
      if (options?.forceRefresh) throw new Error('SSO is down')
      return OLD
    }
    expect((await signedFetch({ region, credentials })(server.url)).status).toBe(403)
  })

  test('refreshes credentials that expire within a minute before they are used', async () => {
    const server = await serve((_request, response) => response.end())
    const in50s = new Date(Date.now() + 50_000)
    const credentials: CredentialProvider = async options =>
      options?.forceRefresh ? NEW : { ...OLD, expiration: in50s }
    await signedFetch({ region, credentials })(server.url)

    expect(keysUsed(server)).toEqual(['AKIDNEW'])
  })

  test.each<[string, Error]>([
    ['of the system', Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })],
    [
      'of fetch',
      new TypeError('fetch failed', { cause: new Error('connect ETIMEDOUT 192.0.2.1') }),
    ],
    ['of a limit', new DOMException('The operation timed out', 'TimeoutError')],
    ['of fetch in Chromium', new TypeError('Failed to fetch')],
    ['that the AWS SDK wraps', new Error('Error: getaddrinfo EAI_AGAIN portal.sso.amazonaws.com')],
  ])('that the network fails rejects with connection_failed, for an error %s', async (_, error) => {
    const fetch = signedFetch({ region, credentials: () => Promise.reject(error) })
    await expect(fetch('http://127.0.0.1/')).rejects.toMatchObject({
      code: 'connection_failed',
      message: expect.stringContaining('Could not fetch AWS credentials'),
      hint: 'Check the network, then try again.',
      retryable: true,
    })
  })

  test('may give the expiration as text, as JSON has it', async () => {
    const server = await serve((_request, response) => response.end())
    const inMs = (ms: number) => new Date(Date.now() + ms)
    const json = (it: Credentials): Credentials => JSON.parse(JSON.stringify(it))
    for (const expiration of [inMs(50_000), inMs(3_600_000)])
      await signedFetch({
        region,
        credentials: async options => (options?.forceRefresh ? NEW : json({ ...OLD, expiration })),
      })(server.url)
    expect(keysUsed(server)).toEqual(['AKIDNEW', 'AKIDOLD'])
  })

  test('that cannot refresh credentials is used until they expire', async () => {
    const server = await serve((_request, response) => response.end())
    let expiration = new Date(Date.now() + 50_000)
    const fetch = signedFetch({
      region,
      async credentials(options) {
        if (options?.forceRefresh) throw new Error('SSO is down')
        return { ...OLD, expiration }
      },
    })
    await fetch(server.url)
    expect(keysUsed(server)).toEqual(['AKIDOLD'])

    expiration = new Date(Date.now() - 1)
    await expect(fetch(server.url)).rejects.toMatchObject({
      code: 'no_credentials',
      message: expect.stringContaining('SSO is down'),
    })
  })

  test('that fails rejects with no_credentials and names the profile to log in with', async () => {
    const credentials = () => Promise.reject(new Error('The SSO session has expired'))
    const fetch = signedFetch({ region, credentials, profile: 'tools' })
    await expect(fetch('http://127.0.0.1/')).rejects.toMatchObject({
      code: 'no_credentials',
      message: 'Found no AWS credentials: The SSO session has expired',
      hint: expect.stringContaining('aws sso login --profile tools'),
      cause: expect.objectContaining({ message: 'The SSO session has expired' }),
    })
  })
})

test('credentials given as a value are not retried', async () => {
  const server = await serveOnly(NEW)
  expect((await signedFetch({ region, credentials: OLD })(server.url)).status).toBe(403)
  expect(server.received).toHaveLength(1)
})

test('incomplete credentials are no_credentials, before anything is sent', async () => {
  const server = await serve((_request, response) => response.end())
  const credentials = { accessKeyId: 'AKID', secretAccessKey: '' }
  await expect(signedFetch({ region, credentials })(server.url)).rejects.toMatchObject({
    code: 'no_credentials',
  })
  expect(server.received).toHaveLength(0)
})

describe('the default chain', () => {
  test('finds the credentials in the environment', async () => {
    await withSharedFiles('')
    vi.stubEnv('AWS_ACCESS_KEY_ID', NEW.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', NEW.secretAccessKey)
    vi.stubEnv('AWS_SESSION_TOKEN', NEW.sessionToken)
    const server = await serveOnly(NEW)

    expect((await signedFetch({ region })(server.url)).status).toBe(200)
  })

  test('reads the environment again when the server refuses its credentials', async () => {
    await withSharedFiles('')
    const server = await serveOnly(NEW, 'UnrecognizedClientException')
    const fetch = signedFetch({ region })
    const statuses = []
    for (const { accessKeyId, secretAccessKey, sessionToken } of [OLD, NEW]) {
      vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId)
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey)
      vi.stubEnv('AWS_SESSION_TOKEN', sessionToken)
      statuses.push((await fetch(server.url)).status)
    }
    expect(statuses).toEqual([403, 200])
  })

  test('reads the shared file again when the server refuses its credentials', async () => {
    const file = await withSharedFiles(profile('tools', OLD))
    const server = await serveOnly(NEW)
    const fetch = signedFetch({ region, profile: 'tools' })
    expect((await fetch(server.url)).status).toBe(403)

    await writeFile(file, profile('tools', NEW))
    expect((await fetch(server.url)).status).toBe(200)
    expect(keysUsed(server)).toEqual(['AKIDOLD', 'AKIDOLD', 'AKIDNEW'])
  })

  test('that cannot reach STS rejects with connection_failed', async () => {
    const file = await withSharedFiles(profile('base', NEW))
    await writeFile(
      join(file, '../config'),
      '[profile tools]\nrole_arn = arn:aws:iam::123456789012:role/tools\nsource_profile = base\nregion = us-east-1\n',
    )
    vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:1')
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1')
    const fetch = signedFetch({ region, profile: 'tools' })
    await expect(fetch('http://127.0.0.1/')).rejects.toMatchObject({ code: 'connection_failed' })
  })

  test('without credentials rejects with no_credentials and says how to log in', async () => {
    await withSharedFiles('')
    await expect(signedFetch({ region })('http://127.0.0.1/')).rejects.toMatchObject({
      code: 'no_credentials',
      hint: expect.stringContaining('aws sso login'),
    })
  })
})

const profile = (name: string, { accessKeyId, secretAccessKey, sessionToken }: typeof OLD) => `
[${name}]
aws_access_key_id = ${accessKeyId}
aws_secret_access_key = ${secretAccessKey}
aws_session_token = ${sessionToken}
`

/** Hides every source of credentials of the machine that runs the tests. */
async function withSharedFiles(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'credentials')
  await writeFile(file, content)
  for (const name of Object.keys(process.env)) if (/^AWS_/.test(name)) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file)
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  return file
}
