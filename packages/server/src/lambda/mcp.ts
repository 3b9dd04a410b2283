import { mcpConfig } from '../config.ts'
import { createGateway } from '../gateway/gateway.ts'
import { createCachedRegistry } from '../registry/cached.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoRelay } from '../session-table/dynamo-relay.ts'
import { dynamoClient } from './clients.ts'
import { streamingHandler } from './handler.ts'
import type { StreamingRuntime } from './respond.ts'
import type { lambdaProtocol } from './wiring.ts'

const config = mcpConfig()
const dynamo = dynamoClient()
const registry = createCachedRegistry(dynamoRegistry(dynamo, config.registrationTable))
const relay = dynamoRelay({
  dynamo,
  table: config.sessionTable,
  pollMs: config.pollMs,
  leaseSeconds: 3 * config.heartbeatSeconds,
})
let loading: Promise<ReturnType<typeof lambdaProtocol>> | undefined

const gateway = createGateway({
  registry,
  protocol: async () => (await load()).protocol,
  streamable: async () => (await load()).streamable,
  relay,
  heartbeatSeconds: config.heartbeatSeconds,
  idleTimeoutSeconds: config.idleTimeoutSeconds,
})

declare const awslambda: StreamingRuntime
export const handler = streamingHandler(gateway, awslambda)

function load() {
  loading ??= import('./wiring.ts').then(it => it.lambdaProtocol(registry, relay, dynamo, config))
  return loading
}
