import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'

import { diagnose, type Finding } from '../../src/deploy/doctor.ts'
import { DEVELOPER } from '../../src/local/principals.ts'
import { type Local, startLocal } from '../../src/local/start.ts'
import { BARE } from './command.ts'
import { type Answer, denied, fakeAws } from './fake-aws.ts'

let local: Local
beforeAll(async () => {
  local = await startLocal({ log: () => {} })
})
afterAll(() => local.close())

beforeEach(() => {
  for (const [name, value] of Object.entries(BARE))
    if (name.startsWith('AWS_')) vi.stubEnv(name, value)
  sign(DEVELOPER)
  return () => void vi.unstubAllEnvs()
})

function sign({ accessKeyId = DEVELOPER.accessKeyId, secretAccessKey = 'x', sessionToken = '' }) {
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey)
  vi.stubEnv('AWS_SESSION_TOKEN', sessionToken || undefined)
}

/** The steps without a problem, and the problem. */
async function examined(url: string, region = 'us-east-1') {
  const well: string[] = []
  for await (const finding of diagnose({ url, region })) {
    if (finding.hint) return { well, wrong: finding }
    well.push(finding.step)
  }
  return { well, wrong: undefined }
}

const UNSIGNED = ['credentials', 'network', 'clock']

/** The URL of a server that is not the gateway. */
async function elsewhere(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

/** Refuses requests without a signature, as a Function URL does. */
const behindIam =
  (answer: RequestListener): RequestListener =>
  (request, response) =>
    request.headers.authorization
      ? answer(request, response)
      : void response.writeHead(403).end('{"Message":"Forbidden"}')

test('finds no problem, with or without a path of the gateway in the URL', async () => {
  const all = [...UNSIGNED, 'signature', 'permission', 'health', 'call']
  for (const path of ['', 'sse', 'mcp/', 'message'])
    expect(await examined(`${local.mcpUrl}${path}`)).toEqual({ well: all, wrong: undefined })
  expect(await examined(`${local.registrationUrl}register`)).toEqual({
    well: all,
    wrong: undefined,
  })
})

test('a wrong secret key fails at the signature', async () => {
  sign({ secretAccessKey: 'wrong' })
  expect(await examined(local.mcpUrl)).toMatchObject({
    well: UNSIGNED,
    wrong: { step: 'signature', hint: expect.stringMatching(/secret key/) },
  })
})

test('a wrong region fails at the signature', async () => {
  expect(await examined(local.mcpUrl, 'eu-west-1')).toMatchObject({
    well: UNSIGNED,
    wrong: { step: 'signature', hint: expect.stringMatching(/region/) },
  })
})

test('an unknown access key has another hint than a wrong signature', async () => {
  sign({ accessKeyId: 'AKIAUNKNOWN' })
  expect(await examined(local.mcpUrl)).toMatchObject({
    well: UNSIGNED,
    wrong: { step: 'signature', hint: expect.stringMatching(/log in/) },
  })
})

test('the hint for a denied caller names both actions and the grant command', async () => {
  const url = await elsewhere(
    behindIam((_, response) => {
      response.writeHead(403, { 'x-amzn-errortype': 'AccessDeniedException' })
      response.end('{"Message":"Forbidden. For troubleshooting Function URL authorization…"}')
    }),
  )
  vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1')
  const { well, wrong } = await examined(url)
  expect(well).toEqual([...UNSIGNED, 'signature'])
  expect(wrong).toMatchObject({
    step: 'permission',
    hint: expect.stringMatching(
      /lambda:InvokeFunctionUrl and lambda:InvokeFunction[\s\S]*mcp-lambda-sam grant --as client --to <ARN>/,
    ),
  })
})

test.each([
  ['agents', /--to arn:aws:iam::000000000000:role\/agents --region us-east-1$/m],
  ['AWSReservedSSO_Dev_0a1b', /--to "\$\(aws iam get-role --role-name AWSReservedSSO_Dev_0a1b /],
])('a denied session of the role %s is told what an administrator grants', async (role, to) => {
  const url = await elsewhere(
    behindIam((_, response) => {
      response.writeHead(403, { 'x-amzn-errortype': 'AccessDeniedException' }).end('{}')
    }),
  )
  const Arn = `arn:aws:sts::000000000000:assumed-role/${role}/ann`
  const { endpoint } = await fakeAws({ GetCallerIdentity: { Account: '000000000000', Arn } })
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  expect((await examined(url)).wrong?.hint).toMatch(to)
})

test('a wrong clock is found before the signature is checked', async () => {
  const url = await elsewhere((_, response) => {
    const date = new Date(Date.now() + 10 * 60_000).toUTCString()
    response.writeHead(403, { date }).end('{"Message":"Forbidden"}')
  })
  expect(await examined(url)).toMatchObject({
    well: ['credentials', 'network'],
    wrong: { step: 'clock', message: expect.stringMatching(/^(599|600|601) s behind AWS$/) },
  })
})

test('a URL without IAM authorization is a problem', async () => {
  const url = await elsewhere((_, response) => void response.end('{"version":"1"}'))
  expect(await examined(url)).toMatchObject({
    well: ['credentials'],
    wrong: { step: 'network', hint: expect.stringContaining('AWS_IAM') },
  })
})

test.each([
  [429, /concurrency/],
  [502, /log of the function/],
  [404, /not one of this product/],
])('a %i response to a signed request is a problem of health', async (status, hint) => {
  const url = await elsewhere(
    behindIam((_, response) => void response.writeHead(status).end('Internal Server Error')),
  )
  expect(await examined(url)).toMatchObject({
    well: [...UNSIGNED, 'signature', 'permission'],
    wrong: { step: 'health', hint: expect.stringMatching(hint) },
  })
})

test('a refused connection is a problem of the network', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  expect(await examined(`http://127.0.0.1:${port}`)).toMatchObject({
    well: ['credentials'],
    wrong: { step: 'network', message: expect.stringMatching(/ECONNREFUSED/) },
  })
})

test.each([
  ['https://no-such-host.invalid', 'network', /ENOTFOUND|EAI_AGAIN/],
  ['nonsense', 'network', /not a URL/],
])('%s fails at the network step', async (url, step, message) => {
  expect(await examined(url)).toMatchObject({
    wrong: { step, message: expect.stringMatching(message) },
  })
})

const limit = (ConcurrentExecutions: number) => ({
  AccountLimit: { ConcurrentExecutions, UnreservedConcurrentExecutions: ConcurrentExecutions },
})

/** The findings after the call, with this answer to GetAccountSettings. */
async function afterTheCall(settings: Answer) {
  const { endpoint } = await fakeAws({ GetAccountSettings: settings })
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  const findings: Finding[] = []
  for await (const it of diagnose({ url: local.mcpUrl, region: 'us-east-1' })) findings.push(it)
  return findings.slice(findings.findIndex(it => it.step === 'call') + 1)
}

test('a low concurrency of the account is a warning', async () => {
  expect(await afterTheCall(limit(10))).toEqual([
    {
      step: 'concurrency',
      isWarning: true,
      message: expect.stringMatching(/runs 10 functions at the same time/),
      hint: expect.stringMatching(/\/sse needs 3.*Service Quotas/),
    },
  ])
})

test('a usual concurrency is no problem, and neither is a caller that may not read it', async () => {
  expect(await afterTheCall(limit(1000))).toEqual([
    { step: 'concurrency', message: expect.stringMatching(/1000/) },
  ])
  expect(await afterTheCall(denied('lambda:GetAccountSettings'))).toEqual([
    { step: 'concurrency', message: expect.stringMatching(/^not checked: .*not authorized/) },
  ])
})
