import { AwsError, errorOf, type NamePlaces, parseJson } from '../aws/aws-error.ts'
import { type AwsService, signedRequests } from '../aws/signed-requests.ts'
import { standardRetries } from '../aws/standard-retries.ts'
import type { SendOperation } from './dynamodb.ts'

/**
 * Sends operations to DynamoDB, and repeats what failed for a reason that may pass.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
export function signedOperations(service: AwsService, maxAttempts = MAX_ATTEMPTS): SendOperation {
  const post = signedRequests(service, LIMITS)
  const withRetries = standardRetries(maxAttempts)

  return (operation, input) => {
    const request = {
      path: '/',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `DynamoDB_20120810.${operation}`,
      },
      body: Buffer.from(JSON.stringify(input)),
    }
    return withRetries(async () => {
      const response = await post(request)
      const { status, headers } = response
      const body = await response.body()
      if (status >= 300) throw errorOf(status, headers, body, NAME_PLACES)
      const output = body.length > 0 ? parseJson(body, status) : {}
      if (output instanceof AwsError) throw output
      return output
    })
  }
}

/**
 * A frozen environment resumes with connections that broke meanwhile. Short timeouts and several
 * attempts get past them while the caller still waits.
 */
const MAX_ATTEMPTS = 4
const LIMITS = { connectMs: 2_000, responseMs: 5_000, maxSockets: 50 }

const NAME_PLACES: NamePlaces = ['__type', 'code', 'header']
