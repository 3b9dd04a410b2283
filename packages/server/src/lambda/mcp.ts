import { mcpConfig } from '../config.ts'
import { createGateway } from '../gateway/gateway.ts'
import { leaseSeconds } from '../gateway/wire/lease.ts'
import { createCachedRegistry } from '../registry/cached.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoOpenStreams } from '../session-table/dynamo-open-streams.ts'
import { dynamoRelay } from '../session-table/dynamo-relay.ts'
import { dynamoMcpSessions } from '../session-table/dynamo-sessions.ts'
import { dynamoClient } from './clients.ts'
import { streamingHandler } from './handler.ts'
import type { StreamingRuntime } from './respond.ts'
import type { wireProtocol } from './wiring.ts'

const config = mcpConfig()
const dynamo = dynamoClient()
const registry = createCachedRegistry(dynamoRegistry(dynamo, config.registrationTable))
const relay = dynamoRelay({
  dynamo,
  table: config.sessionTable,
  pollMs: config.pollMs,
  leaseSeconds: leaseSeconds(config.heartbeatSeconds),
})
const sessions = dynamoMcpSessions(dynamo, config.sessionTable)
const streams = dynamoOpenStreams({
  dynamo,
  table: config.sessionTable,
  relay,
  sessions,
  maxStreamsPerCaller: config.maxStreamsPerCaller,
})
let loading: Promise<ReturnType<typeof wireProtocol>> | undefined

const gateway = createGateway({
  registry,
  protocol: async () => (await load()).protocol,
  streamableHttp: async () => (await load()).streamableHttp,
  relay,
  streams,
  allowedOrigins: config.allowedOrigins,
  heartbeatSeconds: config.heartbeatSeconds,
  idleTimeoutSeconds: config.idleTimeoutSeconds,
  maxCallsInFlight: config.maxCallsInFlight,
  publicPath: config.publicPath,
  serverPush: config.serverPush,
})

declare const awslambda: StreamingRuntime
export const handler = streamingHandler(gateway, awslambda)

function load() {
  loading ??= import('./wiring.ts').then(it =>
    it.wireProtocol(registry, relay, sessions, streams, dynamo, config),
  )
  return loading
}
