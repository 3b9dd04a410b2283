import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { preloadSchemas } from '@modelcontextprotocol/server'

import type { McpConfig } from '../config.ts'
import { createProtocol } from '../gateway/protocol/server.ts'
import { createStreamable } from '../gateway/streamable/endpoint.ts'
import { lambdaInvoker } from '../invoker/buffered.ts'
import { lambdaStreamInvoker } from '../invoker/streaming.ts'
import type { Catalogue } from '../registry/cached.ts'
import { dynamoOutbox } from '../session-table/dynamo-event-store.ts'
import { dynamoSessions } from '../session-table/dynamo-sessions.ts'
import type { Relay } from '../session-table/relay.ts'
import { sharedKey } from '../session-table/signing-key.ts'

/**
 * The half of the mcp function that runs the protocol and calls functions: two thirds of its code, and of
 * no use where messages are only received. So it is a chunk of its own, loaded by the environment that opens
 * a stream while the client's first message is on its way.
 */
export function lambdaProtocol(
  catalogue: Catalogue,
  relay: Relay,
  dynamo: DynamoDBClient,
  config: McpConfig,
) {
  const { sessionTable, heartbeatSeconds, requestStateKeys } = config
  // Under way while the code below is made ready, and the connection with it.
  void catalogue.revision().catch(() => {
    // The first request reads again, and reports.
  })
  preloadSchemas()
  const protocol = createProtocol({
    catalogue,
    invoke: lambdaInvoker(clientFor),
    invokeStream: lambdaStreamInvoker(clientFor),
  })
  const sessions = dynamoSessions(dynamo, sessionTable)
  const ownKey = sharedKey(dynamo, sessionTable)
  const streamable = createStreamable({
    protocol,
    catalogue,
    relay,
    sessions,
    outbox: dynamoOutbox(dynamo, sessionTable, 3 * heartbeatSeconds),
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
