import { GatewayError } from '../http/errors.ts'
import type { Exchange, Service } from '../http/service.ts'
import { version } from '../version.ts'
import { createSseEndpoints, type SseOptions } from './sse/endpoints.ts'

type Route = (request: Request, exchange: Exchange) => Promise<Response>

export interface GatewayOptions extends SseOptions {
  /** `/mcp`, loaded at its first request. */
  streamableHttp: () => Promise<Service>
}

/** The mcp function as one HTTP service: its routes. */
export function createGateway(options: GatewayOptions): Service {
  const sse = createSseEndpoints(options)
  const routes: Record<string, Record<string, Route>> = {
    '/sse': { GET: sse.open },
    '/message': { POST: sse.post },
    '/mcp': { POST: streamableHttp, GET: streamableHttp, DELETE: streamableHttp },
    '/health': { GET: health },
  }

  return async (request, exchange) => {
    const path = new URL(request.url).pathname
    // A pasted URL that ends in "/" makes clients request "//sse".
    const methods = routes[path.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '')]
    if (!methods)
      throw new GatewayError(
        'not_found',
        `There is nothing at ${path}. The endpoints are ${ENDPOINTS}`,
      )
    const route = methods[request.method]
    if (!route) {
      const allow = Object.keys(methods).join(', ')
      throw new GatewayError(
        'method_not_allowed',
        `${path} takes ${allow}. The endpoints are ${ENDPOINTS}`,
        { headers: { allow } },
      )
    }
    return route(request, exchange)
  }

  async function streamableHttp(request: Request, exchange: Exchange): Promise<Response> {
    const serve = await options.streamableHttp()
    return serve(request, exchange)
  }
}

const ENDPOINTS = 'POST /mcp, GET /sse, POST /message?sessionId=…, GET /health'

/** Reads no table. Loads the SDK, so that a failure to load it shows here. */
async function health(): Promise<Response> {
  const { SUPPORTED_PROTOCOL_VERSIONS } = await import('@modelcontextprotocol/server')
  return Response.json({ status: 'ok', version, protocolVersions: SUPPORTED_PROTOCOL_VERSIONS })
}
