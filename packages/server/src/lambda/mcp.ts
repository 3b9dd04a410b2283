import { mcpConfig } from '../config.ts'
import { createGateway } from '../gateway/gateway.ts'
import { createOrdinaryAnswers } from '../gateway/ordinary/answer.ts'
import { createCachedValidators } from '../gateway/protocol/validators.ts'
import { createOrdinaryRequests } from '../gateway/streamable/ordinary-requests.ts'
import { leaseSeconds } from '../gateway/wire/lease.ts'
import { writeLine } from '../http/log.ts'
import { bufferedInvoker } from '../invoker/buffered.ts'
import { createCallRecorder } from '../observe/call-record.ts'
import type { RateLimits } from '../rate-limit/rate-limits.ts'
import { createCachedRegistry } from '../registry/cached.ts'
import { dynamoRegistryReads } from '../registry/dynamo-reads.ts'
import { countedStreams } from '../session-table/counted-streams.ts'
import { dynamoEventStore } from '../session-table/dynamo-event-store.ts'
import { dynamoOpenStreams } from '../session-table/dynamo-open-streams.ts'
import { dynamoRelay } from '../session-table/dynamo-relay.ts'
import { dynamoResumableSessions } from '../session-table/dynamo-resumable-sessions.ts'
import { dynamoMcpSessions } from '../session-table/dynamo-sessions.ts'
import { countedDynamoClient, invokingClients } from './clients.ts'
import { streamingHandler } from './handler.ts'
import type { StreamingRuntime } from './respond.ts'
import type { wireProtocol } from './wiring.ts'

const config = mcpConfig()
const { sessionTable, heartbeatSeconds } = config
const { dynamo, tableReads } = countedDynamoClient()
const metrics =
  !config.dropsEntries && config.metrics !== 'off'
    ? (await import('../observe/metrics.ts')).createMetrics({
        gateway: config.functionName,
        perItem: config.metrics === 'items',
        write: writeLine,
      })
    : undefined
const beginCall = config.dropsEntries
  ? () => undefined
  : createCallRecorder({
      write: metrics ? metrics.call : entry => writeLine(JSON.stringify(entry)),
      failedOnly: config.logCalls === 'failed' && !metrics,
      hasPayloads: config.logPayloads,
      tableReads,
    })
const clientFor = invokingClients()
const registry = createCachedRegistry(dynamoRegistryReads(dynamo, config.registrationTable))
// Opens the connection to the table while the rest starts.
void registry.version().catch(() => {
  // The first request reads again, and reports the error.
})
const inboxes = {
  dynamo,
  table: sessionTable,
  pollMs: config.pollMs,
  leaseSeconds: leaseSeconds(heartbeatSeconds),
  onTaken: metrics?.waited,
}
const relay = dynamoRelay(inboxes)
const sessions = dynamoMcpSessions(dynamo, sessionTable)
const eventStore = dynamoEventStore(dynamo, sessionTable, leaseSeconds(heartbeatSeconds))
const invoke = bufferedInvoker(clientFor)
const validatorsOf = createCachedValidators()
let limiting: Promise<RateLimits> | undefined
/** Loaded for the first call that has a limit. */
const limits: RateLimits = {
  async admit(request) {
    if (!config.rateLimit && !request.registration?.rateLimit) return
    limiting ??= import('./rate-limits.ts').then(it => it.wireRateLimits(dynamo, config))
    await (await limiting).admit(request)
  },
  settled: async () => (await limiting)?.settled(),
}
const prepare = createOrdinaryAnswers({
  registry,
  invoke,
  limits,
  beginCall,
  validatorsOf,
  serverPush: config.serverPush,
  instructions: config.instructions,
  listTtlSeconds: config.listTtlSeconds,
})
const limitedStreams = dynamoOpenStreams({
  dynamo,
  table: sessionTable,
  relay,
  sessions,
  maxStreamsPerCaller: config.maxStreamsPerCaller,
})
const streams = metrics ? countedStreams(limitedStreams, metrics.openStream) : limitedStreams
let loading: Promise<ReturnType<typeof wireProtocol>> | undefined

const gateway = createGateway({
  registry,
  limits,
  beginCall,
  prepare,
  ordinary: createOrdinaryRequests({ prepare, registry, sessions, eventStore, heartbeatSeconds }),
  protocol: async () => (await load()).protocol,
  streamableHttp: async () => (await load()).streamableHttp,
  relay,
  resumableSessions: dynamoResumableSessions(inboxes),
  sessions,
  eventStore,
  streams,
  allowedOrigins: config.allowedOrigins,
  heartbeatSeconds,
  idleTimeoutSeconds: config.idleTimeoutSeconds,
  maxCallsInFlight: config.maxCallsInFlight,
  publicPath: config.publicPath,
  serverPush: config.serverPush,
})

declare const awslambda: StreamingRuntime
export const handler = streamingHandler(gateway, awslambda, {
  ownerBy: config.ownerBy,
  beforeEnd: limits.settled,
  tableReads,
})

function load() {
  const shared = { registry, relay, sessions, streams, eventStore }
  const parts = { ...shared, invoke, limits, beginCall, validatorsOf }
  loading ??= import('./wiring.ts').then(it =>
    it.wireProtocol({ ...parts, clientFor, dynamo }, config),
  )
  return loading
}
