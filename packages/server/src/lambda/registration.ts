import { DynamoDBClient } from '@aws-sdk/client-dynamodb'

import { registrationConfig } from '../config.ts'
import { openPermissions } from '../registration/permissions.ts'
import { createRegistration } from '../registration/registration.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { bufferedHandler } from './handler.ts'

const { REGISTRATION_TABLE } = registrationConfig()

export const handler = bufferedHandler(
  createRegistration({
    registry: dynamoRegistry(new DynamoDBClient({}), REGISTRATION_TABLE),
    permissions: openPermissions,
  }),
)
