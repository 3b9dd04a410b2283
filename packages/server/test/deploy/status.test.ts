import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'

import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { startDynamo } from '../support/dynamodb.ts'
import { registrationUrl } from '../support/registration-url.ts'
import { BARE, run } from './command.ts'
import { fakeAws } from './fake-aws.ts'

test('status warns of what an older version stored and would be refused today', async () => {
  const emulator = await startDynamo()
  await dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable).create({
    id: 'tool-a',
    type: 'tool',
    name: 'a',
    inputSchema: { type: 'object' },
    lambdaArn: 'arn:aws:lambda:us-east-1:123456789012:function:a',
    allow: ['arn:aws:iam::123456789012:role/team/*'],
    contract: 'arguments',
    version: 1,
    createdAt: '',
    updatedAt: '',
    createdBy: '',
  })
  const url = await serve(registrationUrl(emulator))
  const { endpoint } = await fakeAws({
    DescribeStacks: { Stacks: [stackAt(url)] },
  })
  const env = { ...BARE, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1', ...KEYS }
  const { stdout } = await run(['status'], env)
  expect(stdout).toMatch(
    /Registrations +1, all can be invoked\n\nWarnings\..*:\n\n +tool-a: \/allow\/0 /,
  )
  expect(stdout).toContain('arn:aws:iam::123456789012:role/team/*')
  await emulator.close()
})

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' }

const stackAt = (url: string) => ({
  StackId: 'arn:aws:cloudformation:us-east-1:000000000000:stack/mcp-lambda-sam/1',
  StackName: 'mcp-lambda-sam',
  StackStatus: 'UPDATE_COMPLETE',
  CreationTime: '2026-01-01T00:00:00Z',
  Outputs: ['McpUrl', 'RegistrationUrl'].map(OutputKey => ({ OutputKey, OutputValue: url })),
})

/** The registration API over HTTP. It stands for the gateway too, which has no part here. */
async function serve(call: ReturnType<typeof registrationUrl>): Promise<string> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request
    const body = await text(request)
    const answer = await call(method, url, body || undefined)
    response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`
}
