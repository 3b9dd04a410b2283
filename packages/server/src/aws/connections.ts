import net from 'node:net'
import tls from 'node:tls'

import { AwsError, networkError } from './aws-error.ts'
import { ResponseParser } from './response-parser.ts'
import { ServiceResponse } from './service-response.ts'

export interface ConnectionLimits {
  /** Milliseconds until a new connection has to be open, with TLS. */
  connectMs: number
  /** Milliseconds until all of the response has to be there. Without it there is no limit. */
  responseMs?: number
  /** Requests at a time; the others wait. */
  maxSockets: number
}

/** A request that is on its way, or waits for a connection. */
interface Exchange {
  head: string
  body: Buffer
  onResponse(response: ServiceResponse): void
  /** It is over: with an error, or with all of its response. */
  onOver(error?: Error): void
  /** Set where the exchange has a connection. */
  connection?: Connection
  isOver: boolean
}

interface Connection {
  socket: net.Socket
  parser: ResponseParser
  exchange: Exchange | undefined
  response: ServiceResponse | undefined
  responding: NodeJS.Timeout | undefined
  /** Before, nothing is sent. */
  isOpen: boolean
  state: 'busy' | 'done' | 'idle'
  /** Epoch milliseconds from which on no other request is sent on it. */
  usableUntil: number
}

/**
 * HTTP/1.1 connections to one service, which are kept for later requests. Each request is sent
 * once, and never on a second connection.
 */
export function createConnections(
  endpoint: URL,
  { connectMs, responseMs, maxSockets }: ConnectionLimits,
) {
  const isSecure = endpoint.protocol === 'https:'
  const host = endpoint.hostname.replace(/^\[|\]$/g, '')
  const port = Number(endpoint.port || (isSecure ? 443 : 80))
  /** The one that was used last is the last, and used next, so that the others become idle. */
  const idle: Connection[] = []
  const waiting: Exchange[] = []
  let open = 0
  /** Of the last TLS session: the next handshake is shorter. */
  let session: Buffer | undefined

  return { send }

  /**
   * Resolves with the head of the response, whatever its status. Rejects with an `AwsError`, or
   * with the reason of the signal.
   */
  function send(head: string, body: Buffer, signal?: AbortSignal): Promise<ServiceResponse> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const abort = () => stop(exchange, signal?.reason)
      const exchange: Exchange = {
        head,
        body,
        isOver: false,
        onResponse: resolve,
        onOver(error) {
          exchange.isOver = true
          signal?.removeEventListener('abort', abort)
          // Without effect after the head of the response.
          if (error) reject(signal?.aborted ? signal.reason : networkError(error))
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      dispatch(exchange)
    })
  }

  function dispatch(exchange: Exchange) {
    const connection = takeIdle() ?? (open < maxSockets ? connect() : undefined)
    if (connection) start(connection, exchange)
    else waiting.push(exchange)
  }

  /**
   * A frozen environment resumes with connections that the service has closed meanwhile, and a call
   * that is lost on one must not be repeated: see `MAX_IDLE_MS`.
   */
  function takeIdle(): Connection | undefined {
    const now = Date.now()
    for (let n = idle.length - 1; n >= 0; n--) {
      const it = idle[n]
      if (it && now >= it.usableUntil) it.socket.destroy()
      if (it?.socket.destroyed) idle.splice(n, 1)
    }
    return idle.pop()
  }

  function start(connection: Connection, exchange: Exchange) {
    const { socket, parser } = connection
    const { head, body } = exchange
    connection.state = 'busy'
    connection.exchange = exchange
    exchange.connection = connection
    if (responseMs)
      connection.responding = setTimeout(
        () => stop(exchange, late('respond', responseMs)),
        responseMs,
      )
    parser.expect()
    socket.ref()
    // One write where that costs little: each is a system call.
    const isSmall = body.length <= JOINED_BYTES
    const bytes = Buffer.allocUnsafe(head.length + (isSmall ? body.length : 0))
    bytes.write(head, 'latin1')
    if (isSmall) body.copy(bytes, head.length)
    socket.write(bytes)
    if (!isSmall) socket.write(body)
  }

  function connect(): Connection {
    open++
    const socket = isSecure
      ? tls.connect({
          ...{ host, port, ALPNProtocols: ['http/1.1'] },
          ...(!net.isIP(host) && { servername: host }),
          ...(session && { session }),
        })
      : net.connect({ host, port })
    const connection: Connection = {
      socket,
      parser: new ResponseParser({
        onHead(head) {
          const response = new ServiceResponse(head, {
            pause: () => void (connection.response === response && socket.pause()),
            resume: () => void (connection.response === response && socket.resume()),
            cancel: error => void (connection.response === response && fail(connection, error)),
          })
          connection.response = response
          connection.exchange?.onResponse(response)
        },
        onBody: bytes => connection.response?.add(bytes),
        onEnd: keepsAlive => finish(connection, keepsAlive),
      }),
      exchange: undefined,
      response: undefined,
      responding: undefined,
      isOpen: false,
      state: 'busy',
      usableUntil: 0,
    }
    const connecting = setTimeout(() => fail(connection, late('connect', connectMs)), connectMs)
    socket
      .setNoDelay()
      // A response that takes minutes sends nothing meanwhile.
      .setKeepAlive(true, KEEP_ALIVE_MS)
      .once(isSecure ? 'secureConnect' : 'connect', () => {
        connection.isOpen = true
        clearTimeout(connecting)
      })
      .on('session', (it: Buffer) => {
        session = it
      })
      .on('data', bytes => {
        try {
          connection.parser.read(bytes)
        } catch (error) {
          return fail(connection, error as Error)
        }
        // Not before: what follows a response answers no request.
        if (connection.state === 'done') keep(connection)
      })
      .on('end', () => {
        connection.usableUntil = 0
        connection.parser.close()
      })
      .on('error', error => {
        session = undefined
        fail(connection, error)
      })
      .on('close', () => {
        clearTimeout(connecting)
        open--
        const index = idle.indexOf(connection)
        if (index >= 0) idle.splice(index, 1)
        fail(connection, cut(connection))
        startNext()
      })
    return connection
  }

  function finish(connection: Connection, keepsAlive: boolean) {
    const { socket, exchange, response } = connection
    release(connection)
    response?.end()
    exchange?.onOver()
    connection.usableUntil = Date.now() + idleMs(response)
    // The service may respond before it has read the whole request.
    if (keepsAlive && socket.writableLength === 0) connection.state = 'done'
    else socket.destroy()
  }

  function keep(connection: Connection) {
    connection.state = 'idle'
    connection.socket.resume()
    connection.socket.unref()
    idle.push(connection)
    startNext()
  }

  /** Ends the connection, and with it the exchange that it has. */
  function fail(connection: Connection, error: Error) {
    const { socket, exchange, response } = connection
    release(connection)
    socket.destroy()
    response?.fail(error)
    exchange?.onOver(connection.isOpen ? error : notSent(error))
  }

  function release(connection: Connection) {
    clearTimeout(connection.responding)
    connection.exchange = undefined
    connection.response = undefined
  }

  function stop(exchange: Exchange, error: Error) {
    if (exchange.isOver) return
    if (exchange.connection) return fail(exchange.connection, error)
    waiting.splice(waiting.indexOf(exchange), 1)
    exchange.onOver(error)
  }

  function startNext() {
    const next = waiting.shift()
    if (next) dispatch(next)
  }

  function late(what: string, ms: number) {
    const message = `${endpoint.host} did not ${what} within ${ms} milliseconds`
    return new AwsError('TimeoutError', message, { code: 'ETIMEDOUT' })
  }
}

/** Milliseconds. */
const MAX_IDLE_MS = 50_000
const KEEP_ALIVE_MS = 30_000
/** The body of a request that is copied, to be one write with its head. */
const JOINED_BYTES = 16 * 1024

/** What the service says, less a second for the way, and at most `MAX_IDLE_MS`. */
function idleMs(response: ServiceResponse | undefined): number {
  const [, seconds] = /\btimeout=(\d+)/i.exec(response?.headers['keep-alive'] ?? '') ?? []
  return seconds === undefined
    ? MAX_IDLE_MS
    : Math.min(MAX_IDLE_MS, Number(seconds) * 1_000 - 1_000)
}

function notSent(error: Error): AwsError {
  const shown = networkError(error)
  shown.mayBeDone = false
  return shown
}

/** As Node names a connection that ends within a request. */
const cut = ({ response }: Connection) =>
  Object.assign(new Error(response ? 'aborted' : 'socket hang up'), { code: 'ECONNRESET' })
