import { fileURLToPath } from 'node:url'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'

import { diagnose, type Finding } from '../../src/deploy/doctor.ts'
import { DEVELOPER } from '../../src/local/principals.ts'
import { type Local, startLocal } from '../../src/local/start.ts'
import { startEdge } from '../support/faulty-network.ts'
import { policiesOf } from '../support/policies.ts'
import { BARE } from './command.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:buffered'

let local: Local
let edge: Awaited<ReturnType<typeof startEdge>>
beforeAll(async () => {
  edge = await startEdge()
  local = await startLocal({
    functions: fileURLToPath(new URL('../local/functions', import.meta.url)),
    environment: { AWS_ENDPOINT_URL_LAMBDA: edge.url },
    log: () => {},
  })
  edge.upstream = local.lambdaUrl
})
afterAll(async () => {
  await local?.close()
  await edge.close()
})

beforeEach(() => {
  for (const [name, value] of Object.entries(BARE))
    if (name.startsWith('AWS_')) vi.stubEnv(name, value)
  vi.stubEnv('AWS_ACCESS_KEY_ID', DEVELOPER.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', DEVELOPER.secretAccessKey)
  vi.stubEnv('AWS_SESSION_TOKEN', undefined)
  edge.hook = () => undefined
  return () => void vi.unstubAllEnvs()
})

/** What doctor says about invoke permissions. */
async function grantFindings(): Promise<Finding[]> {
  const findings: Finding[] = []
  for await (const finding of diagnose({ url: local.registrationUrl, region: 'us-east-1' }))
    findings.push(finding)
  return findings.filter(({ step }) => step === 'grant')
}

function deny(message: string) {
  edge.hook = ({ operation }) =>
    operation === 'AddPermission'
      ? { status: 403, type: 'AccessDeniedException', body: { message } }
      : undefined
}

test('doctor tells from a registration whether the condition of the role matches', async () => {
  const { registrationUrl: url, region, credentials } = local
  const admin = createAdminClient({ url, region, credentials })
  expect(await grantFindings()).toEqual([])

  deny('not authorized because no identity-based policy allows lambda:AddPermission')
  const registered = await admin.registerTool({ name: 'a', description: 'A', lambdaArn: ARN })
  expect(registered.status).toMatchObject({
    message: expect.stringContaining('GrantCondition=none'),
  })
  expect(await grantFindings()).toEqual([
    {
      step: 'grant',
      message: expect.stringMatching(/^tool-a: .* lambda:Principal .* does not match/),
      hint: expect.stringContaining('deploy --parameter GrantCondition=none'),
    },
  ])

  deny('not authorized with an explicit deny in a service control policy')
  expect(await grantFindings()).toEqual([
    {
      step: 'grant',
      message: expect.stringContaining('service control policy'),
      hint: expect.stringContaining('aws lambda add-permission'),
    },
  ])

  edge.hook = () => undefined
  expect(await policiesOf(local).statements(ARN)).toEqual([])
  expect(await grantFindings()).toEqual([
    { step: 'grant', message: expect.stringContaining('was missing, and is added now') },
  ])
  expect(await policiesOf(local).statements(ARN)).toHaveLength(1)
  expect(await grantFindings()).toEqual([
    { step: 'grant', message: 'the gateway may invoke the function of tool-a' },
  ])
})
