import { ClientError } from './errors.ts'
import { gatewayUrl } from './signing/scope.ts'
import { SigV4SseTransport } from './sse/transport.ts'
import { SigV4StreamableHttpTransport } from './streamable/transport.ts'
import type { TransportOptions } from './transport/options.ts'

/** The `Client` of either SDK. */
export interface Connectable {
  connect(transport: SigV4StreamableHttpTransport | SigV4SseTransport): Promise<void>
}

/**
 * Connects a client over Streamable HTTP, or over HTTP+SSE where the server has no such endpoint
 * (404, 405). Resolves with the transport in use. Rejects as `Client.connect()` does.
 *
 * @param url of the gateway (McpUrl), with or without `/mcp` or `/sse`
 */
export async function connect(
  client: Connectable,
  url: string | URL,
  options: TransportOptions = {},
): Promise<SigV4StreamableHttpTransport | SigV4SseTransport> {
  const gateway = gatewayUrl(url)
  const streamable = new SigV4StreamableHttpTransport(gateway, options)
  try {
    await client.connect(streamable)
    return streamable
  } catch (error) {
    const isMissing = error instanceof ClientError && [404, 405].includes(error.status ?? 0)
    if (!isMissing) throw error
  }
  const sse = new SigV4SseTransport(gateway, options)
  await client.connect(sse)
  return sse
}
