import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'

import { assertSecure, gatewayUrl, mcpUrl, scopeOf, sseUrl } from '../src/signing/scope.ts'

const functionUrl = new URL('https://abc123.lambda-url.eu-central-1.on.aws/sse')
const elsewhere = new URL('https://tools.example.com/sse')

afterEach(() => vi.unstubAllEnvs())

describe('the region of a signature', () => {
  test.each([
    ['https://abc123.lambda-url.us-east-1.on.aws/', 'us-east-1'],
    ['https://ABC123.Lambda-URL.ap-southeast-2.on.aws/sse?x=1', 'ap-southeast-2'],
    ['https://abc123.lambda-url.us-gov-west-1.on.aws/', 'us-gov-west-1'],
    ['https://abc123.lambda-url.eu-central-1.on.aws:443/', 'eu-central-1'],
    ['https://abc123.lambda-url.cn-northwest-1.on.aws/', 'cn-northwest-1'],
    ['https://abc123.lambda-url.cn-north-1.on.amazonwebservices.com.cn/', 'cn-north-1'],
    ['https://abc123.lambda-url.cn-north-1.amazonaws.com.cn/', 'cn-north-1'],
    ['https://abc123.lambda-url.eusc-de-east-1.on.amazonwebservices.eu/', 'eusc-de-east-1'],
    ['https://abc123.lambda-url.us-iso-east-1.on.aws.ic.gov/', 'us-iso-east-1'],
    ['https://abc123.lambda-url.us-isob-east-1.on.aws.scloud/', 'us-isob-east-1'],
    ['https://abc123.lambda-url.eu-isoe-west-1.on.cloud-aws.adc-e.uk/', 'eu-isoe-west-1'],
    ['https://abc123.lambda-url.us-isof-south-1.csp.hci.ic.gov/', 'us-isof-south-1'],
  ])('is read from the Function URL %s', async (url, region) => {
    expect(await scopeOf(new URL(url), {})).toEqual({ region, service: 'lambda' })
  })

  test.each([
    'https://abc123.lambda-url.us-east-1.on.aws.example.com/',
    'https://evil.example.com/abc.lambda-url.us-east-1.on.aws',
    'https://a.b.lambda-url.us-east-1.on.aws/',
    'https://lambda-url.us-east-1.on.aws/',
    'https://abc123.lambda-url.us_east_1.on.aws/',
    'https://abc123.lambda-url.cn-north-1.on.amazonaws.com.cn.example.com/',
    'https://abc123.lambda-url.cn-north-1.onxaws/',
    'https://abc123.lambda-url.us-east-1.on.amazonaws-com/',
  ])('is not read from %s, which is no Function URL', async url => {
    expect(await scopeOf(new URL(url), { region: 'xx-test-1' })).toMatchObject({
      region: 'xx-test-1',
    })
  })

  test('is that of the Function URL even where an option names another', async () => {
    expect(await scopeOf(functionUrl, { region: 'us-east-1', service: 'other' })).toEqual({
      region: 'eu-central-1',
      service: 'lambda',
    })
  })

  test('is looked up in the option, AWS_REGION, AWS_DEFAULT_REGION and the profile, in this order', async () => {
    await withProfile({ tools: 'sa-east-1' })
    vi.stubEnv('AWS_REGION', 'us-west-1')
    vi.stubEnv('AWS_DEFAULT_REGION', 'us-west-2')
    const options = { region: 'eu-west-1', profile: 'tools' }

    expect(await scopeOf(elsewhere, options)).toMatchObject({ region: 'eu-west-1' })
    expect(await scopeOf(elsewhere, { profile: 'tools' })).toMatchObject({ region: 'us-west-1' })
    vi.stubEnv('AWS_REGION', '')
    expect(await scopeOf(elsewhere, { profile: 'tools' })).toMatchObject({ region: 'us-west-2' })
    vi.stubEnv('AWS_DEFAULT_REGION', '')
    expect(await scopeOf(elsewhere, { profile: 'tools' })).toMatchObject({ region: 'sa-east-1' })
    vi.stubEnv('AWS_PROFILE', 'tools')
    expect(await scopeOf(elsewhere, {})).toMatchObject({ region: 'sa-east-1' })
  })

  test('has no default: the error says where to set it', async () => {
    await withProfile({})
    vi.stubEnv('AWS_REGION', '')
    vi.stubEnv('AWS_DEFAULT_REGION', '')
    await expect(scopeOf(elsewhere, {})).rejects.toMatchObject({
      code: 'missing_region',
      message: expect.stringContaining('tools.example.com'),
      hint: expect.stringContaining('AWS_REGION'),
    })
  })
})

test('the service is lambda unless the option names the one behind another host', async () => {
  const region = 'us-east-1'
  expect(await scopeOf(elsewhere, { region })).toEqual({ region, service: 'lambda' })
  expect(await scopeOf(elsewhere, { region, service: 'execute-api' })).toEqual({
    region,
    service: 'execute-api',
  })
})

describe('the URL of the stream', () => {
  test.each([
    ['https://example.com', 'https://example.com/sse'],
    ['https://example.com/', 'https://example.com/sse'],
    ['https://example.com//', 'https://example.com/sse'],
    ['https://example.com/sse', 'https://example.com/sse'],
    ['https://example.com/sse/', 'https://example.com/sse'],
    ['https://example.com/tools/v1', 'https://example.com/tools/v1/sse'],
    ['https://example.com/tools/v1/', 'https://example.com/tools/v1/sse'],
    ['https://example.com/tools/sse?tenant=a#top', 'https://example.com/tools/sse?tenant=a'],
    ['https://example.com/?tenant=a', 'https://example.com/sse?tenant=a'],
    ['https://example.com/classesse', 'https://example.com/classesse/sse'],
    ['http://127.0.0.1:9000', 'http://127.0.0.1:9000/sse'],
  ])('of %s is %s', (url, expected) => {
    expect(sseUrl(url).href).toBe(expected)
    expect(sseUrl(new URL(url)).href).toBe(expected)
  })

  test.each(['example.com', '', '/sse'])('cannot be made of %j', url => {
    expect(() => sseUrl(url)).toThrow(expect.objectContaining({ code: 'invalid_url' }))
  })
})

test.each([
  ['https://example.com', 'https://example.com/mcp'],
  ['https://example.com/mcp/', 'https://example.com/mcp'],
  ['https://example.com/tools/v1/?tenant=a#top', 'https://example.com/tools/v1/mcp?tenant=a'],
])('the URL of Streamable HTTP of %s is %s', (url, expected) => {
  expect(mcpUrl(url).href).toBe(expected)
})

test.each([
  ['https://example.com', 'https://example.com/'],
  ['https://example.com/tools/mcp/?tenant=a', 'https://example.com/tools?tenant=a'],
  ['https://example.com/sse', 'https://example.com/'],
  ['https://example.com/mcp-tools', 'https://example.com/mcp-tools'],
])('the gateway of %s is %s', (url, expected) => {
  expect(gatewayUrl(url).href).toBe(expected)
})

describe('a session token is sent', () => {
  test.each([
    'https://example.com',
    'http://localhost:9000',
    'http://mcp.localhost',
    'http://127.8.9.10',
    'http://[::1]:9000',
  ])('to %s', url => {
    expect(() => assertSecure(new URL(url))).not.toThrow()
  })

  test.each([
    'http://example.com',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://10.0.0.1',
    'ftp://localhost',
  ])('not to %s', url => {
    expect(() => assertSecure(new URL(url))).toThrow(
      expect.objectContaining({ code: 'invalid_url' }),
    )
  })
})

async function withProfile(regions: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'profiles-'))
  const config = join(folder, 'config')
  const profiles = Object.entries(regions).map(
    ([name, region]) => `[profile ${name}]\nregion = ${region}\n`,
  )
  await writeFile(config, profiles.join(''))
  vi.stubEnv('AWS_PROFILE', '')
  vi.stubEnv('AWS_CONFIG_FILE', config)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
  onTestFinished(() => rm(folder, { recursive: true }))
}
