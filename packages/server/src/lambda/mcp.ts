import { LambdaClient } from '@aws-sdk/client-lambda'
import { preloadSchemas } from '@modelcontextprotocol/server'

import { mcpConfig } from '../config.ts'
import { createGateway } from '../gateway/gateway.ts'
import { createProtocol } from '../gateway/protocol.ts'
import { lambdaInvoker } from '../invoker/lambda.ts'
import { createCatalogue } from '../registry/catalogue.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoRelay } from '../relay/dynamo.ts'
import { dynamoClient } from './dynamo.ts'
import { streamingHandler } from './handler.ts'
import type { StreamingRuntime } from './respond.ts'

const config = mcpConfig()
const dynamo = dynamoClient()
const regions = new Map<string, LambdaClient>()

const catalogue = createCatalogue(dynamoRegistry(dynamo, config.REGISTRATION_TABLE))
const gateway = createGateway({
  catalogue,
  protocol: createProtocol({ catalogue, invoke: lambdaInvoker(clientFor) }),
  relay: dynamoRelay({
    dynamo,
    table: config.SESSION_TABLE,
    pollMs: { busy: config.POLL_BUSY_MS, idle: config.POLL_IDLE_MS },
    leaseSeconds: 3 * config.HEARTBEAT_SECONDS,
  }),
  heartbeatSeconds: config.HEARTBEAT_SECONDS,
  idleTimeoutSeconds: config.IDLE_TIMEOUT_SECONDS,
})

declare const awslambda: StreamingRuntime
export const handler = streamingHandler(gateway, awslambda)

// What the first request would wait for is done while the environment starts.
preloadSchemas()
void new Request('http://warm.invalid/', { method: 'POST', body: '{}' })
void catalogue.current().catch(() => {
  // The first request reads again, and reports.
})

/** A second attempt would run a tool twice. */
function clientFor(region: string): LambdaClient {
  const client = regions.get(region) ?? new LambdaClient({ region, maxAttempts: 1 })
  regions.set(region, client)
  return client
}
