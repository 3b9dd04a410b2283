import type { McpConfig } from '../config.ts'
import type { DynamoDb } from '../dynamodb/dynamodb.ts'
import { createRateLimits, type RateLimits } from '../rate-limit/rate-limits.ts'
import { dynamoRateLimits } from '../session-table/dynamo-rate-limits.ts'

/** A chunk of its own: without a limit it is not loaded. */
export const wireRateLimits = (dynamo: DynamoDb, config: McpConfig): RateLimits =>
  createRateLimits({
    store: dynamoRateLimits(dynamo, config.sessionTable),
    ofCaller: config.rateLimit,
    onFailure: config.rateLimitFailure,
  })
