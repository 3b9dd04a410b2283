import { DynamoDBClient } from '@aws-sdk/client-dynamodb'

/**
 * A frozen environment wakes up with connections that died meanwhile: short limits, and attempts enough to
 * get past them within the time that a caller waits.
 */
export const dynamoClient = () =>
  new DynamoDBClient({
    maxAttempts: 4,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: 5_000,
      // Without it the SDK does no more than warn.
      throwOnRequestTimeout: true,
    },
  })
