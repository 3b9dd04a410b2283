import type { SendOperation } from '../dynamodb/dynamodb.ts'
import { GatewayError } from '../http/errors.ts'
import { isRecord } from '../is-record.ts'

/**
 * Makes every failure of a table a `service_unavailable`: a throttled, denied, slow or broken table
 * is no fault of the request. Its message has no detail of the table. A refused condition is no
 * failure, and neither is a request that DynamoDB never accepts: it would fail again.
 */
export function reportTableFailures(send: SendOperation): SendOperation {
  return async (operation, input) => {
    try {
      return await send(operation, input)
    } catch (error) {
      throw isFailure(error) ? unavailable(error) : error
    }
  }
}

const unavailable = (cause: unknown) =>
  new GatewayError(
    'service_unavailable',
    'A table of the gateway cannot be used at the moment: send the request again',
    { headers: { 'retry-after': '1' }, cause },
  )

const NO_FAILURE = new Set([
  'ConditionalCheckFailedException',
  'ItemCollectionSizeLimitExceededException',
  'SerializationException',
  'ValidationException',
])

function isFailure(error: unknown): boolean {
  if (!(error instanceof Error) || NO_FAILURE.has(error.name)) return false
  if (error.name !== 'TransactionCanceledException') return true
  const reasons: unknown = 'CancellationReasons' in error ? error.CancellationReasons : undefined
  const codes = Array.isArray(reasons) ? reasons.filter(isRecord).map(it => String(it['Code'])) : []
  // A transaction that also has a refused condition would not succeed later either.
  return (
    codes.some(it => /Throttl|ThroughputExceeded/.test(it)) &&
    !codes.includes('ConditionalCheckFailed')
  )
}
