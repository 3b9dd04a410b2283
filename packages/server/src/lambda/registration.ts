import { LambdaClient } from '@aws-sdk/client-lambda'

import { registrationConfig } from '../config.ts'
import { createRegistration } from '../registration/api.ts'
import { dynamoRevocations } from '../registration/invoke-permission/dynamo-revocations.ts'
import { resourcePolicyPermissions } from '../registration/invoke-permission/resource-policy.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoClient } from './clients.ts'
import { bufferedHandler } from './handler.ts'

const { registrationTable, mcpRoleArn } = registrationConfig()
const dynamo = dynamoClient()
const clients = new Map<string, LambdaClient>()

export const handler = bufferedHandler(
  createRegistration({
    registry: dynamoRegistry(dynamo, registrationTable),
    permissions: resourcePolicyPermissions(clientFor, mcpRoleArn),
    revocations: dynamoRevocations(dynamo, registrationTable),
  }),
)

/**
 * Every call may be repeated. A request of ours waits for three of them where Lambda does not answer, which must fit
 * into the time that the function has.
 */
function clientFor(region: string): LambdaClient {
  const client =
    clients.get(region) ??
    new LambdaClient({
      region,
      maxAttempts: 3,
      requestHandler: {
        connectionTimeout: 1_000,
        requestTimeout: 2_000,
        throwOnRequestTimeout: true,
      },
    })
  clients.set(region, client)
  return client
}
