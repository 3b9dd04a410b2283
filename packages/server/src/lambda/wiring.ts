import { preloadSchemas } from '@modelcontextprotocol/server'

import type { McpConfig } from '../config.ts'
import type { DynamoDb } from '../dynamodb/dynamodb.ts'
import { createProtocol } from '../gateway/protocol/server.ts'
import { createStreamableHttp } from '../gateway/streamable/endpoint.ts'
import { leaseSeconds } from '../gateway/wire/lease.ts'
import { bufferedInvoker } from '../invoker/buffered.ts'
import { streamingInvoker } from '../invoker/streaming.ts'
import type { CachedRegistry } from '../registry/cached.ts'
import { dynamoEventStore } from '../session-table/dynamo-event-store.ts'
import { dynamoSigningKey } from '../session-table/dynamo-signing-key.ts'
import { dynamoUsedStates } from '../session-table/dynamo-used-states.ts'
import type { OpenStreams } from '../session-table/open-streams.ts'
import type { Relay } from '../session-table/relay.ts'
import type { McpSessions } from '../session-table/sessions.ts'
import { invokingClients } from './clients.ts'

/**
 * The part of the mcp function that runs the protocol and calls functions: two thirds of its code.
 * An environment that only receives messages does not need it, so it is a chunk of its own.
 */
export function wireProtocol(
  registry: CachedRegistry,
  relay: Relay,
  sessions: McpSessions,
  streams: OpenStreams,
  dynamo: DynamoDBClient,
  config: McpConfig,
) {
  const { sessionTable, heartbeatSeconds, requestStateKeys, serverPush } = config
  // Opens the connection to the table while the code below runs.
  void registry.version().catch(() => {
    // The first request reads again, and reports the error.
  })
  preloadSchemas()
  const clientFor = invokingClients()
  const protocol = createProtocol({
    registry,
    invoke: bufferedInvoker(clientFor),
    invokeStream: streamingInvoker(clientFor),
    serverPush,
    instructions: config.instructions,
  })
  const ownKey = dynamoSigningKey(dynamo, sessionTable)
  const streamableHttp = createStreamableHttp({
    protocol,
    registry,
    relay,
    sessions,
    streams,
    eventStore: dynamoEventStore(dynamo, sessionTable, leaseSeconds(heartbeatSeconds)),
    heartbeatSeconds,
    idleTimeoutSeconds: config.idleTimeoutSeconds,
    serverPush,
    listenSeconds: config.listenSeconds,
    listTtlSeconds: config.listTtlSeconds,
    useRequestState: dynamoUsedStates(dynamo, sessionTable),
    requestStateKeys: async () =>
      requestStateKeys.length > 0 ? requestStateKeys : [await ownKey()],
  })
  return { protocol, streamableHttp }
}
