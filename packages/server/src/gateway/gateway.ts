import { GatewayError } from '../http/errors.ts'
import { createOriginCheck } from '../http/origin.ts'
import type { Exchange, Service } from '../http/service.ts'
import { version } from '../version.ts'
import { createSseEndpoints, type SseOptions } from './sse/endpoints.ts'

type Route = (request: Request, exchange: Exchange) => Promise<Response>

export interface GatewayOptions extends SseOptions {
  /** `/mcp`, loaded at its first request. */
  streamableHttp: () => Promise<Service>
  /** Origins of web pages that may send requests, beside the gateway's own. @default [] */
  allowedOrigins?: string[]
}

/** The mcp function as one HTTP service: its routes. */
export function createGateway(options: GatewayOptions): Service {
  const assertAllowedOrigin = createOriginCheck(options.allowedOrigins ?? [])
  const sse = createSseEndpoints(options)
  const routes: Record<string, Record<string, Route>> = {
    '/sse': { GET: sse.open },
    '/message': { POST: sse.post },
    '/mcp': { POST: streamableHttp, GET: streamableHttp, DELETE: streamableHttp },
    '/health': { GET: health },
  }

  return async (request, exchange) => {
    assertAllowedOrigin(request)
    const { pathname } = new URL(request.url)
    const methods = routes[routeOf(pathname)]
    const path = pathname.slice(0, MAX_SHOWN_PATH)
    if (!methods)
      throw new GatewayError(
        'not_found',
        `There is nothing at ${path}. The endpoints are ${ENDPOINTS}`,
      )
    const route = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined
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

  function routeOf(path: string): string {
    // A pasted URL that ends in "/" makes clients request "//sse".
    const clean = path.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '')
    const { publicPath } = options
    // Some proxies remove the public path, and some pass it on.
    return publicPath && clean.startsWith(`${publicPath}/`) ? clean.slice(publicPath.length) : clean
  }

  async function streamableHttp(request: Request, exchange: Exchange): Promise<Response> {
    const serve = await options.streamableHttp()
    return serve(request, exchange)
  }
}

/** Characters of a path that an error message repeats. */
const MAX_SHOWN_PATH = 200
const ENDPOINTS = 'POST /mcp, GET /sse, POST /message?sessionId=…, GET /health'

/** The protocol version without sessions. The SDK exports the earlier ones only. */
const STATELESS_PROTOCOL_VERSION = '2026-07-28'

/** Reads no table. Loads the SDK, so that a failure to load it shows here. */
async function health(): Promise<Response> {
  const { SUPPORTED_PROTOCOL_VERSIONS } = await import('@modelcontextprotocol/server')
  const protocolVersions = [STATELESS_PROTOCOL_VERSION, ...SUPPORTED_PROTOCOL_VERSIONS]
  return Response.json({ status: 'ok', version, protocolVersions })
}
