import { LambdaClient } from '@aws-sdk/client-lambda'

import { registrationConfig } from '../config.ts'
import { createCustomResource } from '../custom-resource/custom-resource.ts'
import { followTrace } from '../http/log.ts'
import { dynamoRevocations } from '../registration/invoke-permission/dynamo-revocations.ts'
import { resourcePolicyPermissions } from '../registration/invoke-permission/resource-policy.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoClient, policyClients } from './clients.ts'
import { invocationTrace } from './invocation-trace.ts'

const { registrationTable, mcpRoleArn, ownFunctions, grantCondition } = registrationConfig()
const dynamo = dynamoClient()

const handle = createCustomResource({
  registry: dynamoRegistry(dynamo, registrationTable),
  permissions: resourcePolicyPermissions(policyClients(LambdaClient), mcpRoleArn, grantCondition),
  revocations: dynamoRevocations(dynamo, registrationTable),
  ownFunctions,
  accountId: mcpRoleArn.split(':')[4] ?? '',
})

/** Its events have no headers. */
export const handler: typeof handle = (event, context) => {
  followTrace(invocationTrace()?.traceId)
  return handle(event, context)
}
