import { registrationConfig } from '../config.ts'
import { openPermissions } from '../registration/permissions.ts'
import { createRegistration } from '../registration/registration.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoClient } from './dynamo.ts'
import { bufferedHandler } from './handler.ts'

const { registrationTable } = registrationConfig()

export const handler = bufferedHandler(
  createRegistration({
    registry: dynamoRegistry(dynamoClient(), registrationTable),
    permissions: openPermissions,
  }),
)
