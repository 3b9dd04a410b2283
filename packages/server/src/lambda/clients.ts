import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { LambdaClient, LambdaClientConfig } from '@aws-sdk/client-lambda'

import { reportTableFailures } from './table-errors.ts'

/**
 * A frozen environment resumes with connections that broke meanwhile. Short timeouts and several
 * attempts get past them while the caller still waits.
 */
export const dynamoClient = () =>
  reportTableFailures(
    new DynamoDBClient({
      maxAttempts: 4,
      requestHandler: {
        connectionTimeout: 1_000,
        requestTimeout: 5_000,
        // Without it the SDK only logs a warning.
        throwOnRequestTimeout: true,
      },
    }),
  )

/** One Lambda client per region, made when it is first needed. */
export type LambdaClients = (region: string) => LambdaClient

/**
 * The class is passed in, so that this file does not load the Lambda SDK: the part of the mcp
 * function that only receives messages works without it.
 */
type LambdaClientClass = new (config: LambdaClientConfig) => LambdaClient

/** Clients that invoke functions. One attempt only: a second one could run a tool twice. */
export const invokingClients = (Client: LambdaClientClass): LambdaClients =>
  perRegion(Client, { maxAttempts: 1 })

/**
 * Clients that change the resource policies of functions. Every such call may be repeated. Three
 * attempts that time out fit into the time that the registration function has.
 */
export const policyClients = (Client: LambdaClientClass): LambdaClients =>
  perRegion(Client, {
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: 2_000,
      throwOnRequestTimeout: true,
    },
  })

function perRegion(Client: LambdaClientClass, config: LambdaClientConfig): LambdaClients {
  const clients = new Map<string, LambdaClient>()
  return region => {
    const client = clients.get(region) ?? new Client({ ...config, region })
    clients.set(region, client)
    return client
  }
}
