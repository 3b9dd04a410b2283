import { LambdaClient } from '@aws-sdk/client-lambda'

import { registrationConfig } from '../config.ts'
import { createRegistration } from '../registration/api.ts'
import { policyPermissions } from '../registration/invoke-permission/resource-policy.ts'
import { dynamoRevocations } from '../registration/invoke-permission/revocations.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoClient, policyClients } from './clients.ts'
import { bufferedHandler } from './handler.ts'

const { registrationTable, mcpRoleArn } = registrationConfig()
const dynamo = dynamoClient()

export const handler = bufferedHandler(
  createRegistration({
    registry: dynamoRegistry(dynamo, registrationTable),
    permissions: policyPermissions(policyClients(LambdaClient), mcpRoleArn),
    revocations: dynamoRevocations(dynamo, registrationTable),
  }),
)
