import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { preloadSchemas } from '@modelcontextprotocol/server'

import type { McpConfig } from '../config.ts'
import { createProtocol } from '../gateway/protocol/server.ts'
import { createStreamable } from '../gateway/streamable/endpoint.ts'
import { lambdaInvoker } from '../invoker/buffered.ts'
import { lambdaStreamInvoker } from '../invoker/streaming.ts'
import type { CachedRegistry } from '../registry/cached.ts'
import { dynamoEventStore } from '../session-table/dynamo-event-store.ts'
import { dynamoMcpSessions } from '../session-table/dynamo-sessions.ts'
import type { Relay } from '../session-table/relay.ts'
import { sharedSigningKey } from '../session-table/signing-key.ts'
import { invokingClients } from './clients.ts'

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
  const clientFor = invokingClients(LambdaClient)
  const protocol = createProtocol({
    registry,
    invoke: lambdaInvoker(clientFor),
    invokeStream: lambdaStreamInvoker(clientFor),
  })
  const sessions = dynamoMcpSessions(dynamo, sessionTable)
  const ownKey = sharedSigningKey(dynamo, sessionTable)
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
