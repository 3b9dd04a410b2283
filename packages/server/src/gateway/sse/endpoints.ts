import { GatewayError } from '../../http/errors.ts'
import type { HttpRequest, HttpResponse } from '../../http/http-request.ts'
import { mcpJsonOf, readMcpJson } from '../../http/json-body.ts'
import type { Exchange } from '../../http/service.ts'
import { isRecord } from '../../is-record.ts'
import { INVALID_REQUEST } from '../../jsonrpc-error.ts'
import type { BeginCall } from '../../observe/call-record.ts'
import type { RateLimits } from '../../rate-limit/rate-limits.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import type { OpenStreams } from '../../session-table/open-streams.ts'
import type { Relay, SseSession } from '../../session-table/relay.ts'
import { type PostPlace, postedRequest } from '../../session-table/resumable-sessions.ts'
import { stringOrEmpty } from '../../string-or-empty.ts'
import type { PrepareAnswer } from '../ordinary/answer.ts'
import { isLimited } from '../protocol/methods.ts'
import type { Protocol } from '../protocol/server.ts'
import { createEventStream, emptyEventStream } from '../wire/event-stream.ts'
import { isRequestId, refuse, refuseInvalid } from '../wire/jsonrpc.ts'
import { createSessionId, isSessionId } from '../wire/session-id.ts'
import { isResumableId } from './event-id.ts'
import { openResumption, type ResumptionOptions } from './resumption.ts'
import { serveSseStream } from './stream.ts'

export interface SseOptions extends ResumptionOptions {
  prepare: PrepareAnswer
  /** Loaded for the first request of a stream that is not ordinary. */
  protocol: () => Promise<Protocol>
  registry: CachedRegistry
  limits: RateLimits
  beginCall: BeginCall
  relay: Relay
  streams: OpenStreams
  /** Seconds without a sign of life after which a stream is closed. */
  idleTimeoutSeconds: number
  /** Calls of functions that one stream runs at once. */
  maxCallsInFlight: number
  /** The path that clients see before `/sse`: empty, or as `/prod`. */
  publicPath: string
  /** Whether streams notify clients of changes. */
  serverPush: boolean
}

/**
 * The HTTP+SSE transport of protocol version 2024-11-05. One environment holds the stream, others
 * receive the messages: https://modelcontextprotocol.io/specification/2024-11-05/basic/transports
 */
export function createSseEndpoints(options: SseOptions) {
  const { relay, streams, limits, beginCall, resumableSessions } = options

  return {
    /** `GET /sse`: opens an SSE session or takes one over. This environment serves its stream. */
    async open(http: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
      const { caller, requestId, remaining, arrival } = exchange
      const { owner } = caller
      const timeMs = remaining()
      const resumption = http.headers[RESUME] === '1' ? await resume(http, exchange) : undefined
      const id = resumption?.id ?? createSessionId()
      const slot = await streams
        .open({ owner, probe: { via: 'inbox', id }, timeMs })
        .catch(async error => {
          await resumption?.close()
          throw error
        })
      if (!slot) {
        await resumption?.close()
        return emptyEventStream(TOO_MANY_STREAMS, RETRY_MS)
      }
      const inbox =
        resumption?.held.inbox ??
        (await relay.open({ id, owner }).catch(async error => {
          await slot.close()
          throw error
        }))
      const events = createEventStream()
      const protocolVersion = http.headers['mcp-protocol-version']
      const prefix = options.publicPath || forwardedPrefix(http)
      const session = {
        id,
        caller,
        requestId,
        arrival,
        inbox,
        slot,
        events,
        protocolVersion,
        prefix,
        timeMs,
        resumption,
      }
      serveSseStream({ ...options, ...session })
      const { response } = events
      return resumption
        ? { ...response, headers: { ...response.headers, [RESUME]: '1' } }
        : response
    },

    /** `POST /message?sessionId=`: 202 once the message is stored. Responses come on the stream. */
    async post(http: HttpRequest, exchange: Exchange): Promise<HttpResponse> {
      const { owner } = exchange.caller
      const id = new URLSearchParams(http.query).get('sessionId')
      if (!id)
        throw new GatewayError(
          'bad_request',
          'Give the session: POST /message?sessionId=…, as the event "endpoint" of GET /sse says',
        )
      const { value, text } =
        http.text === undefined
          ? await readMcpJson(http.toRequest())
          : mcpJsonOf(http.headers['content-type'], http.text)
      const refused = Array.isArray(value)
        ? refuse(
            400,
            INVALID_REQUEST,
            'JSON-RPC batches are not accepted: send one message per request',
          )
        : refuseInvalid(value)
      if (refused) return refused
      if (isRecord(value)) await admit(value, id, exchange)
      const isAccepted = isSessionId(id) && (await accept({ id, owner }, value, http, text))
      if (!isAccepted) throw notFound()
      return ACCEPTED
    },

    /** `DELETE /message?sessionId=`: ends a resumable session. Others end with their streams. */
    async end(http: HttpRequest, { caller }: Exchange): Promise<HttpResponse> {
      const id = new URLSearchParams(http.query).get('sessionId') ?? ''
      const isEnded =
        isResumableId(id) && (await resumableSessions.end({ id, owner: caller.owner }))
      if (!isEnded) throw notFound()
      return { status: 204, headers: {}, text: '' }
    },
  }

  /** A call over the limit of its caller has its log entry here, and does not reach the stream. */
  async function admit(message: Record<string, unknown>, id: string, exchange: Exchange) {
    const { caller, requestId, arrival } = exchange
    const method = stringOrEmpty(message['method'])
    if (!isLimited(method)) return
    await limits.admit({ caller }).catch(error => {
      const sessionId = isSessionId(id) ? id : undefined
      const { traceparent } = Object(Object(message['params'])['_meta'])
      beginCall({ method, caller, requestId, sessionId, arrival, traceparent })?.refused(error)
      throw error
    })
  }

  function resume({ headers }: HttpRequest, { caller: { owner }, requestId }: Exchange) {
    const lastEventId = headers['last-event-id']
    return openResumption(options, { owner, requestId, ...(lastEventId && { lastEventId }) })
  }

  /** Only requests of resumable sessions are recognized when they come again. */
  async function accept(
    session: SseSession,
    value: unknown,
    { headers }: HttpRequest,
    text: string,
  ): Promise<boolean> {
    const id = isRecord(value) && 'method' in value ? value['id'] : undefined
    if (!isRequestId(id) || !isResumableId(session.id)) return relay.post(session, text)
    if (Buffer.byteLength(JSON.stringify(id)) > MAX_ID_BYTES)
      throw new GatewayError(
        'bad_request',
        `The id of the request has more than ${MAX_ID_BYTES} bytes as JSON: use a shorter one`,
      )
    return resumableSessions.post(session, text, postedRequest(id, text, placeOf(headers[RESUME])))
  }
}

/** Announces resumption: docs/resume-protocol.md. */
const RESUME = 'mcp-resume'

/** `17; settled=16`. On a `POST` a client may also repeat its announcement. */
function placeOf(header: string | undefined): PostPlace | undefined {
  if (header === undefined || header === '1') return undefined
  const [number = 0, settled = 0] =
    /^(\d{1,15}); ?settled=(\d{1,15})$/.exec(header)?.slice(1).map(Number) ?? []
  if (settled < number) return { number, settled }
  throw new GatewayError(
    'bad_request',
    'Mcp-Resume of a POST is its number and a smaller one: 17; settled=16',
  )
}

/** The ids of all open requests are in the item of the session, which has at most 400 KB. */
const MAX_ID_BYTES = 200

const notFound = () =>
  new GatewayError('session_not_found', 'There is no such session: open a new one with GET /sse')

const TOO_MANY_STREAMS = 'too many open streams of this principal (setting MaxStreamsPerCaller)'
/** Clients of this transport give up on any status but 200, so the stream asks them to wait. */
const RETRY_MS = 5_000

/** Some clients wait for the end of the body, and an empty body may never leave Lambda. */
const ACCEPTED = { status: 202, headers: { 'content-type': 'text/plain' }, text: 'Accepted' }

/** The path that a proxy removed in front of ours. Only the caller itself gets it back. */
function forwardedPrefix({ headers }: HttpRequest): string {
  const prefix = headers['x-forwarded-prefix']?.replace(/\/$/, '') ?? ''
  return /^(\/[\w.~-]{1,100}){1,10}$/.test(prefix) ? prefix : ''
}
