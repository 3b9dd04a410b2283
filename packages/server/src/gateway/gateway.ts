import { GatewayError } from '../http/errors.ts'
import type { HttpRequest, HttpResponse } from '../http/http-request.ts'
import { createOriginCheck } from '../http/origin.ts'
import type { Exchange, Gateway } from '../http/service.ts'
import { version } from '../version.ts'
import { createSseEndpoints, type SseOptions } from './sse/endpoints.ts'
import type { WebService } from './streamable/endpoint.ts'
import {
  INITIALIZE_PROTOCOL_VERSIONS,
  STATELESS_PROTOCOL_VERSION,
} from './wire/protocol-versions.ts'

type Route = (http: HttpRequest, exchange: Exchange) => Promise<HttpResponse>

export interface GatewayOptions extends SseOptions {
  /** Answers most requests of `/mcp`. Undefined for the others. */
  ordinary: (request: HttpRequest, exchange: Exchange) => Promise<HttpResponse | undefined>
  /** All of `/mcp`, loaded at its first request that is not ordinary. */
  streamableHttp: () => Promise<WebService>
  /** Origins of web pages that may send requests, beside the gateway's own. @default [] */
  allowedOrigins?: string[]
}

/** The mcp function as one HTTP service: its routes. */
export function createGateway(options: GatewayOptions): Gateway {
  const assertAllowedOrigin = createOriginCheck(options.allowedOrigins ?? [])
  const sse = createSseEndpoints(options)
  const routes: Record<string, Record<string, Route>> = {
    '/sse': { GET: sse.open },
    '/message': { POST: sse.post, DELETE: sse.end },
    '/mcp': { POST: streamableHttp, GET: streamableHttp, DELETE: streamableHttp },
    '/health': { GET: health },
  }

  return async (http, exchange) => {
    // Only web pages send an origin.
    const isOrdinary = http.headers['origin'] === undefined
    const response = isOrdinary ? await withoutRequest(http, exchange) : undefined
    return response ?? serve(http, exchange)
  }

  /**
   * The frequent requests, without the web `Request`: Node loads its fetch for the first one, in
   * 20 ms of processor time. Undefined for the others.
   */
  async function withoutRequest(
    http: HttpRequest,
    exchange: Exchange,
  ): Promise<HttpResponse | undefined> {
    const path = routeOf(http.path)
    if (path === '/mcp') return options.ordinary(http, exchange)
    if (path === '/sse' && http.method === 'GET') return sse.open(http, exchange)
    return path === '/message' && http.method === 'POST' ? sse.post(http, exchange) : undefined
  }

  async function serve(http: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    const request = http.toRequest()
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
    return route({ ...http, toRequest: () => request }, exchange)
  }

  function routeOf(path: string): string {
    // A pasted URL that ends in "/" makes clients request "//sse".
    const clean = path.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '')
    const { publicPath } = options
    // Some proxies remove the public path, and some pass it on.
    return publicPath && clean.startsWith(`${publicPath}/`) ? clean.slice(publicPath.length) : clean
  }

  async function streamableHttp(http: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
    const serve = await options.streamableHttp()
    return serve(http.toRequest(), exchange)
  }
}

/** Characters of a path that an error message repeats. */
const MAX_SHOWN_PATH = 200
const ENDPOINTS = 'POST /mcp, GET /sse, POST /message?sessionId=…, GET /health'

/** Reads no table. */
async function health(): Promise<Response> {
  const protocolVersions = [STATELESS_PROTOCOL_VERSION, ...INITIALIZE_PROTOCOL_VERSIONS]
  return Response.json({ status: 'ok', version, protocolVersions })
}
