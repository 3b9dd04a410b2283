import { mcpConfig } from '../config.ts'
import { createGateway } from '../gateway/gateway.ts'
import type { Protocol } from '../gateway/protocol.ts'
import { createCatalogue } from '../registry/catalogue.ts'
import { dynamoRegistry } from '../registry/dynamo.ts'
import { dynamoRelay } from '../relay/dynamo.ts'
import { dynamoClient } from './dynamo.ts'
import { streamingHandler } from './handler.ts'
import type { StreamingRuntime } from './respond.ts'

const config = mcpConfig()
const dynamo = dynamoClient()
const catalogue = createCatalogue(dynamoRegistry(dynamo, config.registrationTable))
let protocol: Promise<Protocol> | undefined

const gateway = createGateway({
  catalogue,
  protocol: () => {
    protocol ??= import('./protocol.ts').then(({ lambdaProtocol }) => lambdaProtocol(catalogue))
    return protocol
  },
  relay: dynamoRelay({
    dynamo,
    table: config.sessionTable,
    pollMs: config.pollMs,
    leaseSeconds: 3 * config.heartbeatSeconds,
  }),
  heartbeatSeconds: config.heartbeatSeconds,
  idleTimeoutSeconds: config.idleTimeoutSeconds,
})

declare const awslambda: StreamingRuntime
export const handler = streamingHandler(gateway, awslambda)
