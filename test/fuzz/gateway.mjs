// The built handlers of both functions in this process. Tables and registered functions are those
// of a local gateway in the main thread.
import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'

/**
 * An event of a Function URL. Only the fields that are read, see lambda/event.ts.
 *
 * @typedef {{
 *   version: string,
 *   rawPath: string,
 *   rawQueryString: string,
 *   headers: Record<string, string>,
 *   body?: string,
 *   isBase64Encoded: boolean,
 *   requestContext: {
 *     accountId: string,
 *     apiId: string,
 *     domainName: string,
 *     domainPrefix: string,
 *     requestId: string,
 *     http: { method: string, path: string },
 *     authorizer: { iam: { userArn: string, accountId: string, callerId: string, userId: string } },
 *   },
 * }} UrlEvent
 */

/** @typedef {{ status: number, headers: Record<string, string>, body: string }} HttpResponse */

/** @typedef {{ awsRequestId: string, getRemainingTimeInMillis(): number }} Context */
/** @typedef {(event: UrlEvent, stream: Writable, context: Context) => Promise<void>} Streaming */
/** @typedef {{ statusCode: number, headers: Record<string, string>, body: string }} Buffered */

/** @typedef {Awaited<ReturnType<typeof startHandlers>>} Handlers */

/** @param {string} dist the folder of the built functions */
export async function startHandlers(dist) {
  /** @type {WeakMap<Writable, { statusCode: number, headers: Record<string, string> }>} */
  const heads = new WeakMap()
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (/** @type {unknown} */ handler) => handler,
      HttpResponseStream: {
        /**
         * @param {Writable} stream
         * @param {{ statusCode: number, headers: Record<string, string> }} head
         */
        from(stream, head) {
          heads.set(stream, head)
          return stream
        },
      },
    },
  })
  const load = async (/** @type {string} */ name) =>
    (await import(pathToFileURL(`${dist}/lambda/${name}/index.mjs`).href)).handler
  const mcp = /** @type {Streaming} */ (await load('mcp'))
  const registration = /** @type {(event: UrlEvent, context: Context) => Promise<Buffered>} */ (
    await load('registration')
  )
  return { mcp: stream, register }

  /**
   * Sends a request to the mcp function. `onText` gets the response while it is written; true ends
   * it, as a client that is gone does.
   *
   * @param {UrlEvent} event
   * @param {{ remainingMs?: number, onText?: (text: string) => boolean }} [options]
   * @returns {Promise<HttpResponse>}
   */
  async function stream(event, { remainingMs = 10_000, onText = () => false } = {}) {
    /** @type {Buffer[]} */
    const chunks = []
    const decoder = new TextDecoder()
    const out = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(chunk)
        done()
        if (onText(decoder.decode(chunk, { stream: true }))) out.destroy()
      },
    })
    // `pipeline` reports it to the handler.
    out.on('error', () => {})
    const head = () => heads.get(out) ?? { statusCode: 0, headers: {} }
    try {
      await mcp(event, out, contextOf(event, remainingMs))
    } catch (error) {
      if (!out.destroyed || chunks.length === 0) throw error
    }
    return {
      status: head().statusCode,
      headers: head().headers,
      body: Buffer.concat(chunks).toString(),
    }
  }

  /**
   * Sends a request to the registration function.
   *
   * @param {UrlEvent} event
   * @returns {Promise<HttpResponse>}
   */
  async function register(event) {
    const { statusCode, headers, body } = await registration(event, contextOf(event, 10_000))
    return { status: statusCode, headers, body }
  }
}

/**
 * @param {UrlEvent} event
 * @param {number} remainingMs
 */
function contextOf({ requestContext }, remainingMs) {
  const end = Date.now() + remainingMs
  return {
    awsRequestId: requestContext.requestId,
    getRemainingTimeInMillis: () => Math.max(0, end - Date.now()),
  }
}

const HOST = 'abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws'

/**
 * @param {{
 *   method: string,
 *   path: string,
 *   query?: string,
 *   headers?: Record<string, string>,
 *   body?: string | Buffer,
 *   caller?: string,
 * }} request a body of bytes is sent in base64
 * @returns {UrlEvent}
 */
export function urlEvent({ method, path, query = '', headers = {}, body, caller = 'local' }) {
  const isBase64Encoded = typeof body === 'object'
  const iam = {
    userArn: `arn:aws:iam::000000000000:user/${caller}`,
    accountId: '000000000000',
    callerId: `AIDA${caller.toUpperCase()}`,
    userId: `AIDA${caller.toUpperCase()}`,
  }
  return {
    version: '2.0',
    rawPath: path,
    rawQueryString: query,
    headers: { host: HOST, 'x-forwarded-proto': 'https', 'x-forwarded-port': '443', ...headers },
    ...(body !== undefined && { body: isBase64Encoded ? body.toString('base64') : body }),
    isBase64Encoded,
    requestContext: {
      accountId: '000000000000',
      apiId: HOST.slice(0, 32),
      domainName: HOST,
      domainPrefix: HOST.slice(0, 32),
      requestId: randomUUID(),
      http: { method, path },
      authorizer: { iam },
    },
  }
}
