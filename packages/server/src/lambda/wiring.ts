import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { preloadSchemas } from '@modelcontextprotocol/server'

import type { McpConfig } from '../config.ts'
import { createProtocol } from '../gateway/protocol/server.ts'
import { createStreamable } from '../gateway/streamable/endpoint.ts'
import { bufferedInvoker } from '../invoker/buffered.ts'
import { streamingInvoker } from '../invoker/streaming.ts'
import type { CachedRegistry } from '../registry/cached.ts'
import { dynamoEventStore } from '../session-table/dynamo-event-store.ts'
import { dynamoMcpSessions } from '../session-table/dynamo-sessions.ts'
import { dynamoSigningKey } from '../session-table/dynamo-signing-key.ts'
import type { Relay } from '../session-table/relay.ts'

/**
 * The half of the mcp function that runs the protocol and calls functions: two thirds of its code, and of
 * no use where messages are only received. So it is a chunk of its own, loaded by the environment that opens
 * a stream while the client's first message is on its way.
 */
export function lambdaProtocol(
  registry: CachedRegistry,
  relay: Relay,
  dynamo: DynamoDBClient,
  config: McpConfig,
) {
  const { sessionTable, heartbeatSeconds, requestStateKeys } = config
  // Under way while the code below is made ready, and the connection with it.
  void registry.version().catch(() => {
    // The first request reads again, and reports.
  })
  preloadSchemas()
  const protocol = createProtocol({
    registry,
    invoke: bufferedInvoker(clientFor),
    invokeStream: streamingInvoker(clientFor),
  })
  const sessions = dynamoMcpSessions(dynamo, sessionTable)
  const ownKey = dynamoSigningKey(dynamo, sessionTable)
  const streamable = createStreamable({
    protocol,
    registry,
    relay,
    sessions,
    eventStore: dynamoEventStore(dynamo, sessionTable, 3 * heartbeatSeconds),
    allowedOrigins: config.allowedOrigins,
    heartbeatSeconds,
    idleTimeoutSeconds: config.idleTimeoutSeconds,
    requestStateKeys: async () =>
      requestStateKeys.length > 0 ? requestStateKeys : [await ownKey()],
  })
  return { protocol, streamable }
}

const clients = new Map<string, LambdaClient>()

/** One attempt: a second one would run a tool twice. */
function clientFor(region: string): LambdaClient {
  const client = clients.get(region) ?? new LambdaClient({ region, maxAttempts: 1 })
  clients.set(region, client)
  return client
}
