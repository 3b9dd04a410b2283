import { LambdaClient } from '@aws-sdk/client-lambda'

import { registrationConfig } from '../config.ts'
import { createRegistration } from '../registration/api.ts'
import { configurationCheck, withoutRight } from '../registration/function-check.ts'
import { dynamoRevocations } from '../registration/invoke-permission/dynamo-revocations.ts'
import { resourcePolicyPermissions } from '../registration/invoke-permission/resource-policy.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoClient, policyClients } from './clients.ts'
import { bufferedHandler } from './handler.ts'

const config = registrationConfig()
const { registrationTable, mcpRoleArn, ownFunctions, grantCondition } = config
const dynamo = dynamoClient()
const clientFor = policyClients(LambdaClient)

export const handler = bufferedHandler(
  createRegistration({
    registry: dynamoRegistry(dynamo, registrationTable),
    permissions: resourcePolicyPermissions(clientFor, mcpRoleArn, grantCondition),
    revocations: dynamoRevocations(dynamo, registrationTable),
    ownFunctions,
    checkFunction: config.readConfiguration
      ? configurationCheck(clientFor, mcpRoleArn.split(':')[4] ?? '')
      : withoutRight,
  }),
)
