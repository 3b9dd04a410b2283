import { preloadSchemas } from '@modelcontextprotocol/server'

import type { LambdaApi } from '../aws/lambda-api.ts'
import type { McpConfig } from '../config.ts'
import type { DynamoDb } from '../dynamodb/dynamodb.ts'
import { createProtocol, type ProtocolOptions } from '../gateway/protocol/server.ts'
import { createStreamableHttp, type StreamableHttpOptions } from '../gateway/streamable/endpoint.ts'
import { streamingInvoker } from '../invoker/streaming.ts'
import { dynamoSigningKey } from '../session-table/dynamo-signing-key.ts'
import { dynamoUsedStates } from '../session-table/dynamo-used-states.ts'

export type ProtocolParts = Omit<
  ProtocolOptions,
  'invokeStream' | 'maxCallsInFlight' | 'serverPush' | 'instructions'
> &
  Pick<StreamableHttpOptions, 'relay' | 'sessions' | 'streams' | 'eventStore'> & {
    clientFor: (region: string) => LambdaApi
    dynamo: DynamoDb
  }

/**
 * The part of the mcp function that runs the MCP SDK, which is most of its code. Ordinary requests
 * do not need it, so it is a chunk of its own.
 */
export function wireProtocol({ clientFor, dynamo, ...parts }: ProtocolParts, config: McpConfig) {
  const { sessionTable, heartbeatSeconds, requestStateKeys, serverPush } = config
  preloadSchemas()
  const protocol = createProtocol({
    ...parts,
    invokeStream: streamingInvoker(clientFor),
    maxCallsInFlight: config.maxCallsInFlight,
    serverPush,
    instructions: config.instructions,
  })
  const ownKey = dynamoSigningKey(dynamo, sessionTable)
  const streamableHttp = createStreamableHttp({
    ...parts,
    protocol,
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
