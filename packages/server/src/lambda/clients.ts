import type { LambdaClient, LambdaClientConfig } from '@aws-sdk/client-lambda'

import { endpointOf, type ServiceName } from '../aws/endpoint.ts'
import { type LambdaApi, lambdaApi } from '../aws/lambda-api.ts'
import type { AwsService } from '../aws/signed-requests.ts'
import { countedReads } from '../dynamodb/counted-reads.ts'
import { dynamoDb } from '../dynamodb/dynamodb.ts'
import { signedOperations } from '../dynamodb/signed-operations.ts'
import { environmentCredentials } from './credentials.ts'
import { reportTableFailures } from './table-errors.ts'

export const dynamoClient = () => dynamoDb(tableOperations())

/** The same, with the number of reads that it has sent. */
export function countedDynamoClient() {
  const { send, count } = countedReads(tableOperations())
  return { dynamo: dynamoDb(send), tableReads: count }
}

const tableOperations = () =>
  reportTableFailures(signedOperations(awsService('dynamodb', ownRegion())))

/** Clients that invoke functions, one per region. */
export const invokingClients = (): ((region: string) => LambdaApi) =>
  perRegion(region => lambdaApi(awsService('lambda', region)))

/**
 * Clients of the AWS SDK that change the resource policies of functions, one per region. Every such
 * call may be repeated. The adaptive mode slows down where Lambda throttles: it allows 15 such
 * calls per second to an account. Five attempts that time out fit into the time of a function.
 *
 * The class is passed in, so that the mcp function, which also loads this file, has no SDK.
 */
export const policyClients = (
  Client: new (config: LambdaClientConfig) => LambdaClient,
): ((region: string) => LambdaClient) =>
  perRegion(
    region =>
      new Client({
        region,
        maxAttempts: 5,
        retryMode: 'adaptive',
        requestHandler: {
          connectionTimeout: 1_000,
          requestTimeout: 2_000,
          // Without it the SDK only logs a warning.
          throwOnRequestTimeout: true,
        },
      }),
  )

function perRegion<Client>(make: (region: string) => Client): (region: string) => Client {
  const clients = new Map<string, Client>()
  return region => {
    const client = clients.get(region) ?? make(region)
    clients.set(region, client)
    return client
  }
}

const awsService = (service: ServiceName, region: string): AwsService => ({
  service,
  region,
  endpoint: endpointOf(service, region, process.env),
  credentials: environmentCredentials,
  // Lambda sets it for every invocation.
  traceId: () => process.env['_X_AMZN_TRACE_ID'],
})

function ownRegion(): string {
  const region = process.env['AWS_REGION']
  if (!region)
    throw new Error('AWS_REGION is missing: Lambda sets it to the region of the function')
  return region
}
