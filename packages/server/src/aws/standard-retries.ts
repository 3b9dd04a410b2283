import { retry } from '../retry.ts'
import { AwsError } from './aws-error.ts'

/**
 * Repeats requests as the standard mode of the AWS SDKs does. All requests of a client share one
 * quota: while most of them fail, they are no longer repeated. The error of the last attempt has
 * the number of attempts, and whether one of them may be done.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
export function standardRetries(maxAttempts: number) {
  let quota = QUOTA

  return async <Value>(attempt: () => Promise<Value>): Promise<Value> => {
    let spent = 0
    let mayBeDone = false
    const value = await retry(attempt, (error, failures) => {
      if (!(error instanceof AwsError)) return undefined
      error.attempts = failures
      mayBeDone ||= error.mayBeDone
      error.mayBeDone = mayBeDone
      const kind = kindOf(error)
      if (!kind || failures >= maxAttempts || quota < COST[kind]) return undefined
      spent = COST[kind]
      quota -= spent
      return Math.random() * Math.min(BASE_MS[kind] * 2 ** (failures - 1), MAX_PAUSE_MS)
    })
    quota = Math.min(QUOTA, quota + Math.max(1, spent))
    return value
  }
}

type Kind = 'throttled' | 'transient'

// The numbers are those of the AWS SDK for JavaScript.
const QUOTA = 500
const COST: Record<Kind, number> = { throttled: 5, transient: 14 }
const BASE_MS: Record<Kind, number> = { throttled: 1_000, transient: 50 }
const MAX_PAUSE_MS = 20_000

/** Undefined for an error that would come again. */
function kindOf({ name, status = 0, code = '', message }: AwsError): Kind | undefined {
  if (status === 429 || THROTTLED.has(name)) return 'throttled'
  if (TRANSIENT.has(name) || TRANSIENT.has(code) || TRANSIENT_STATUS.has(status)) return 'transient'
  const isLate = name === 'InvalidSignatureException' && message.includes('Signature expired')
  return isLate ? 'transient' : undefined
}

const THROTTLED = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
])

const TRANSIENT = new Set([
  'ReplicatedWriteConflictException',
  'RequestTimeout',
  'RequestTimeoutException',
  'TimeoutError',
  // Codes of Node.
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

const TRANSIENT_STATUS = new Set([500, 502, 503, 504])
