// Random HTTP requests to both functions, as events of their Function URLs.
import { urlEvent } from './gateway.mjs'
import { idValue, message, TOOLS, VERSIONS, validRequest } from './messages.mjs'
import { changed, changedText, jsonValue, nested, textValue } from './values.mjs'

/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {import('./gateway.mjs').UrlEvent} UrlEvent */
/** @typedef {{ id: string, protocolVersion: string }} Session */

const METHODS = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT']
const ODD_METHODS = ['get', 'FOO', 'M-SEARCH', '', 'POST ']

const PATHS = ['/mcp', '/message', '/sse', '/health', '/', '/register', '/register/tool-any']
const ODD_PATHS = [
  '//sse',
  '/mcp/',
  '///mcp///',
  '/MCP',
  '/mcp/../sse',
  '/./mcp',
  '/%6dcp',
  '/mcp%00',
  '/%zz',
  '/%',
  '/mcp?x',
  '/mcp#x',
  '/mcp;x=1',
  '/prod/mcp',
  '/constructor',
  '/__proto__',
  '/register/__proto__',
  '/register/tool-',
  '/register/%E0%A4%A',
  `/${'a'.repeat(8_000)}`,
  '/ü',
  '\\mcp',
  '//evil.example/mcp',
  '/\u0000',
  '',
]

const QUERIES = [
  '',
  'sessionId=x',
  'sessionId=',
  'sessionId',
  'sessionId=a&sessionId=b',
  'type=tool&limit=1',
  'limit=0',
  'limit=1e99',
  'limit=-1',
  'cursor=x',
  'cursor=%00',
  'type=constructor',
  'dryRun=true',
  'dryRun=maybe',
  '%zz=%zz',
  '&&&===',
  '+',
  '?',
  '#',
  `a=${'b'.repeat(10_000)}`,
]

const CONTENT_TYPES = [
  'application/json; charset=utf-8',
  'APPLICATION/JSON',
  'application/vnd.api+json',
  'application/json, application/json',
  'application/json;charset=utf-16',
  'text/plain',
  'text/json',
  'multipart/form-data; boundary=x',
  'application/jsonx',
  '',
  ';',
  'é',
]

const ACCEPTS = [
  'application/json, text/event-stream',
  'application/json',
  'text/event-stream',
  '*/*',
  'application/*, text/*',
  'APPLICATION/JSON;q=0.9, Text/Event-Stream; q=1',
  'application/json;q=0, text/event-stream;q=0',
  'text/html',
  '',
  ',,,',
  'q=1',
  '*',
]

const ORIGINS = [
  'https://evil.example',
  'null',
  'http://localhost:3000',
  'file://',
  '',
  'https://',
  'not a url',
  'chrome-extension://abc',
]

const LAST_EVENT_IDS = ['0', '', 'get.', 'get.1-x', 'get.{}', '../..', 'x.1', 'é']

const ODD_SESSION_IDS = [
  '',
  'x',
  'a'.repeat(24),
  'a'.repeat(64),
  'a'.repeat(3_000),
  '../session',
  '__proto__',
]

/**
 * One random request to the mcp function.
 *
 * @param {Random} random
 * @param {Session[]} sessions that are open
 */
export function mcpCase(random, sessions) {
  return random.weighted([
    [30, () => postMcp(random, sessions)],
    [6, () => postMessage(random)],
    [3, () => streamOfMcp(random, sessions)],
    [1, () => open(random)],
    [3, () => odd(random, sessions)],
  ])
}

/**
 * `POST /mcp`: without a session, and in one of every protocol version that has them.
 *
 * @param {Random} random
 * @param {Session[]} sessions
 */
function postMcp(random, sessions) {
  const session = random.chance(0.55) ? random.pick(sessions) : undefined
  const isStateless = !session && random.chance(0.8)
  const sent = message(random, { isStateless })
  const headers = {
    'content-type': 'application/json',
    accept: /** @type {string} */ (ACCEPTS[0]),
    ...(session && {
      'mcp-session-id': session.id,
      'mcp-protocol-version': session.protocolVersion,
    }),
    ...(isStateless && standardHeaders(sent)),
  }
  return withBody(random, { method: 'POST', path: '/mcp', headers }, sent)
}

/**
 * The headers that 2026-07-28 requires, with the values of the message.
 *
 * @param {unknown} sent
 * @returns {Record<string, string>}
 */
function standardHeaders(sent) {
  const { method, params } = /** @type {{ method?: unknown, params?: Record<string, unknown> }} */ (
    sent ?? {}
  )
  const name = params?.name ?? params?.uri
  return {
    'mcp-protocol-version': '2026-07-28',
    ...(typeof method === 'string' && isHeaderValue(method) && { 'mcp-method': method }),
    ...(typeof name === 'string' && isHeaderValue(name) && { 'mcp-name': name }),
  }
}

const isHeaderValue = (/** @type {string} */ text) => /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(text)

/** @param {Random} random */
function postMessage(random) {
  const query = random.chance(0.5) ? `sessionId=${random.pick(ODD_SESSION_IDS)}` : odds(random)
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', path: '/message', query, headers }
  return withBody(random, request, message(random, { isStateless: false }))
}

/**
 * `GET /mcp` and `DELETE /mcp`.
 *
 * @param {Random} random
 * @param {Session[]} sessions
 */
function streamOfMcp(random, sessions) {
  const { id, protocolVersion } = random.pick(sessions)
  const lastEventId = random.chance(0.5)
    ? random.pick([...LAST_EVENT_IDS, `${id}.1`, textValue(random).slice(0, 100)])
    : undefined
  const headers = {
    accept: random.pick(ACCEPTS),
    'mcp-session-id': random.chance(0.9) ? id : random.pick(ODD_SESSION_IDS),
    'mcp-protocol-version': random.chance(0.9) ? protocolVersion : random.pick(VERSIONS),
    ...(lastEventId !== undefined && { 'last-event-id': latin1(lastEventId) }),
  }
  return urlEvent({ method: random.chance(0.9) ? 'GET' : 'DELETE', path: '/mcp', headers })
}

/** @param {Random} random */
function open(random) {
  const headers = {
    accept: random.pick(ACCEPTS),
    ...(random.chance(0.3) && { 'mcp-protocol-version': random.pick([...VERSIONS, 'x', '']) }),
    ...(random.chance(0.3) && { 'last-event-id': random.pick(LAST_EVENT_IDS) }),
  }
  return urlEvent({ method: 'GET', path: '/sse', query: odds(random), headers })
}

/**
 * Requests that no client sends.
 *
 * @param {Random} random
 * @param {Session[]} sessions
 */
function odd(random, sessions) {
  const headers = {
    ...(random.chance(0.7) && { 'content-type': random.pick(CONTENT_TYPES) }),
    ...(random.chance(0.7) && { accept: random.pick(ACCEPTS) }),
    ...(random.chance(0.3) && { origin: random.pick(ORIGINS) }),
    ...(random.chance(0.3) && { 'mcp-protocol-version': random.pick([...VERSIONS, '9', '']) }),
    ...(random.chance(0.3) && {
      'mcp-session-id': random.pick([...ODD_SESSION_IDS, random.pick(sessions).id]),
    }),
    ...(random.chance(0.1) && { [latin1(textValue(random)) || 'x']: latin1(textValue(random)) }),
  }
  const request = {
    method: random.chance(0.9) ? random.pick(METHODS) : random.pick(ODD_METHODS),
    path: random.pick(random.chance(0.5) ? PATHS : ODD_PATHS),
    query: odds(random),
    headers,
  }
  return withBody(random, request, message(random, { isStateless: random.chance(0.5) }))
}

/** @param {Random} random */
const odds = random => (random.chance(0.7) ? '' : random.pick(QUERIES))

/** The characters that a header can carry. @param {string} text */
const latin1 = text => text.replace(/[^\x20-\x7e\x80-\xff]/g, '')

/**
 * @param {Random} random
 * @param {{ method: string, path: string, query?: string, headers: Record<string, string> }} request
 * @param {unknown} sent
 */
function withBody(random, request, sent) {
  const json = JSON.stringify(sent) ?? ''
  const text = random.chance(0.9) ? json : changedText(random, json)
  const body = random.weighted(
    /** @type {[number, () => string | Buffer][]} */ ([
      [20, () => text],
      [2, () => Buffer.from(text)],
      [0.3, () => Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe])])],
      [0.3, () => Buffer.from(text, 'utf16le')],
    ]),
  )
  const event = urlEvent({
    ...request,
    headers: changedHeaders(random, request.headers),
    body,
    caller: random.chance(0.95) ? 'local' : 'stranger',
  })
  // Text that is no base64.
  return random.chance(0.005) ? { ...event, isBase64Encoded: true } : event
}

/**
 * @param {Random} random
 * @param {Record<string, string>} headers
 */
function changedHeaders(random, headers) {
  if (random.chance(0.75)) return headers
  const [name, values] = random.pick(
    /** @type {[string, string[]][]} */ ([
      ['accept', ACCEPTS],
      ['content-type', CONTENT_TYPES],
      ['origin', ORIGINS],
      ['mcp-protocol-version', [...VERSIONS, '1.0', '', 'x'.repeat(3_000)]],
      ['mcp-session-id', ODD_SESSION_IDS],
      ['mcp-method', ['tools/call', 'TOOLS/CALL', '', 'x']],
      ['mcp-name', ['any', '=?base64?YW55?=', '=?base64?%%?=', '']],
      ['last-event-id', LAST_EVENT_IDS],
      ['content-length', ['0', '-1', '99999999999']],
      ['content-encoding', ['gzip', 'identity']],
      ['host', ['evil.example', '', 'a b']],
    ]),
  )
  const { [name]: _, ...others } = headers
  return random.chance(0.3) ? others : { ...others, [name]: random.pick(values) }
}

/**
 * One random request to the registration function.
 *
 * @param {Random} random
 */
export function registrationCase(random) {
  const name = `fuzz-${random.int(10)}`
  const registration = {
    type: random.pick(['tool', 'resource', 'prompt']),
    name,
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:any',
    description: textValue(random),
    ...random.weighted(
      /** @type {[number, () => object][]} */ ([
        [2, () => ({ parameters: { text: 'string', count: 'integer?' } })],
        [2, () => ({ inputSchema: schema(random, 3) })],
        [1, () => ({ uri: textValue(random) })],
        [2, () => ({ uriTemplate: template(random) })],
        [1, () => ({ arguments: [{ name: 'name', required: true }] })],
      ]),
    ),
    ...(random.chance(0.2) && { outputSchema: schema(random, 2) }),
    ...(random.chance(0.1) && { allow: [textValue(random)] }),
    ...(random.chance(0.1) && { contract: random.pick(['mcp', 'arguments', 'x']) }),
  }
  const id = `${registration.type}-${name}`
  const [method, path] = random.pick(
    /** @type {[string, string][]} */ ([
      ['POST', '/register'],
      ['PUT', `/register/${id}`],
      ['PUT', `/register/${random.chance(0.5) ? `tool-${random.pick(TOOLS)}` : id}`],
      ['GET', '/register'],
      ['GET', `/register/${id}`],
      ['DELETE', `/register/${id}`],
    ]),
  )
  // What is registered for the other cases stays as it is.
  const isDry = !path.endsWith(name) && method !== 'POST'
  const headers = {
    'content-type': 'application/json',
    ...(random.chance(0.2) && { 'if-match': random.pick(['*', '"1"', '1', 'W/"1"', '']) }),
    ...(random.chance(0.1) && { 'if-none-match': random.pick(['*', '"1"']) }),
  }
  const query = isDry ? 'dryRun=true' : odds(random)
  return withBody(random, { method, path, query, headers }, changed(random, registration, 0.04))
}

/**
 * @param {Random} random
 * @param {number} depth
 * @returns {unknown}
 */
function schema(random, depth) {
  const below = () => (depth > 0 ? schema(random, depth - 1) : {})
  return random.weighted([
    [3, () => ({ type: 'object', properties: { [textValue(random)]: below(), a: below() } })],
    [1, () => ({ type: 'array', items: below(), uniqueItems: true })],
    [1, () => ({ type: 'string', pattern: random.pick(PATTERNS) })],
    [1, () => ({ type: random.pick(['string', ['string', 'null'], 'x', 7]), nullable: true })],
    [1, () => ({ [random.pick(['anyOf', 'oneOf', 'allOf'])]: [below(), below()] })],
    [1, () => ({ $ref: random.pick(['#', '#/$defs/a', '#/nowhere', 'https://example.com/x', 7]) })],
    [1, () => ({ patternProperties: { [random.pick(PATTERNS)]: below() } })],
    [1, () => ({ enum: jsonValue(random, 2), default: jsonValue(random, 2) })],
    [1, () => ({ $schema: random.pick(SCHEMA_URIS), $id: textValue(random), ...nest(random) })],
    [1, () => jsonValue(random, 2)],
  ])
}

const nest = (/** @type {Random} */ random) =>
  /** @type {object} */ (random.chance(0.2) ? nested(random.pick([20, 120]), false) : {})

const PATTERNS = ['^a+$', '(', '[', '\\p{L}', '\\-', '^(a|b)*$', '(?<=a)b', 'a{1,1000}', '']
const SCHEMA_URIS = [
  'https://json-schema.org/draft/2020-12/schema',
  'http://json-schema.org/draft-07/schema#',
  'http://json-schema.org/draft-04/schema#',
  'https://example.com/own',
]

/** @param {Random} random */
const template = random =>
  random
    .list(1 + random.int(5), () =>
      random.pick([
        'notes://',
        '{id}',
        '{+path}',
        '{?a,b}',
        '{/x*}',
        '{#f}',
        '{a,b}',
        '-',
        '{}',
        '{{',
        '}',
        '%',
        '{x:3}',
      ]),
    )
    .join('')

/**
 * The messages that a conversation on `/sse` posts: each with an id of its own.
 *
 * @param {Random} random
 */
export const conversation = random =>
  random.list(1 + random.int(6), n => {
    const sent = random.chance(0.5)
      ? validRequest(random, { isStateless: false })
      : message(random, { isStateless: false })
    const isObject = typeof sent === 'object' && sent !== null && !Array.isArray(sent)
    if (!isObject || !('id' in sent)) return sent
    return random.chance(0.8) ? { ...sent, id: `c${n}` } : { ...sent, id: idValue(random) }
  })
