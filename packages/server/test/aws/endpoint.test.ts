import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { expect, test, vi } from 'vitest'

import { endpointOf } from '../../src/aws/endpoint.ts'

/** What the AWS SDK sends a request to, by the environment variables of the process. */
async function sdkEndpoint(service: 'dynamodb' | 'lambda', region: string) {
  let sentTo = ''
  const requestHandler = {
    async handle({ protocol, hostname, port }: Record<string, string | number | undefined>) {
      sentTo = `${protocol}//${hostname}${port ? `:${port}` : ''}/`
      throw new Error('not sent')
    },
    metadata: { handlerProtocol: 'http/1.1' },
  }
  const config = {
    region,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
    requestHandler: requestHandler as never,
  }
  const { ListTablesCommand } = await import('@aws-sdk/client-dynamodb')
  const { ListFunctionsCommand } = await import('@aws-sdk/client-lambda')
  const sending =
    service === 'dynamodb'
      ? new DynamoDBClient(config).send(new ListTablesCommand({}))
      : new LambdaClient(config).send(new ListFunctionsCommand({}))
  await expect(sending).rejects.toThrow('not sent')
  return sentTo
}

test.each([
  'us-east-1',
  'eu-central-1',
  'mx-central-1',
  'cn-north-1',
  'cn-northwest-1',
  'us-gov-west-1',
  'us-iso-east-1',
  'us-isob-east-1',
  'eu-isoe-west-1',
  'us-isof-south-1',
  'eusc-de-east-1',
])('the hosts of the services in %s are those of the AWS SDK', async region => {
  for (const service of ['dynamodb', 'lambda'] as const)
    expect(endpointOf(service, region, {}).href).toBe(await sdkEndpoint(service, region))
})

const all = 'http://127.0.0.1:4566'
const own = 'http://127.0.0.1:8000'
test.each([
  { AWS_ENDPOINT_URL: all },
  { AWS_ENDPOINT_URL: all, AWS_ENDPOINT_URL_DYNAMODB: own },
  { AWS_ENDPOINT_URL_LAMBDA: own },
  { AWS_ENDPOINT_URL: all, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
  { AWS_ENDPOINT_URL_LAMBDA: own, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false' },
])('the variables %j choose the endpoints of the AWS SDK', async environment => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  try {
    for (const service of ['dynamodb', 'lambda'] as const)
      expect(endpointOf(service, 'us-east-1', process.env).href).toBe(
        await sdkEndpoint(service, 'us-east-1'),
      )
  } finally {
    vi.unstubAllEnvs()
  }
})
