import { LambdaClient } from '@aws-sdk/client-lambda'

import { registrationConfig } from '../config.ts'
import { createCustomResource } from '../custom-resource/custom-resource.ts'
import { dynamoRevocations } from '../registration/invoke-permission/dynamo-revocations.ts'
import { resourcePolicyPermissions } from '../registration/invoke-permission/resource-policy.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoClient, policyClients } from './clients.ts'

const { registrationTable, mcpRoleArn, ownFunctions, grantCondition } = registrationConfig()
const dynamo = dynamoClient()

export const handler = createCustomResource({
  registry: dynamoRegistry(dynamo, registrationTable),
  permissions: resourcePolicyPermissions(policyClients(LambdaClient), mcpRoleArn, grantCondition),
  revocations: dynamoRevocations(dynamo, registrationTable),
  ownFunctions,
  accountId: mcpRoleArn.split(':')[4] ?? '',
})
