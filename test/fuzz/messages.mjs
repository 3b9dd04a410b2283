// Random JSON-RPC messages of every method and protocol version.
import { changed, jsonValue, NUMBERS, textValue } from './values.mjs'

/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {Record<string, unknown>} Message */

export const VERSIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28']

/** The registrations that a fuzzed gateway has. */
export const TOOLS = ['any', 'lines', 'strict', 'loose', 'constructor', 'ünïcode']
const URIS = ['fixed://one', 'notes://1', 'dates://2026-11-26', 'query://x?a=1&b=2', 'lines://1']
const PROMPTS = ['greet', 'ask']

const CLIENT_INFO = { name: 'fuzz', version: '1' }

/** @param {Random} random */
const progressToken = random => random.pick(['token', 7, null, '', 1.5, {}])

/**
 * What a request of the stateless protocol version says of its client.
 *
 * @param {Random} random
 */
const meta = random => ({
  'io.modelcontextprotocol/protocolVersion': random.chance(0.9)
    ? '2026-07-28'
    : random.pick([...VERSIONS, '2030-01-01', '', null]),
  'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
  'io.modelcontextprotocol/clientCapabilities': {},
  ...(random.chance(0.1) && { progressToken: progressToken(random) }),
})

/** @type {Record<string, (random: Random) => Message>} */
const PARAMS = {
  initialize: random => ({
    protocolVersion: random.pick(VERSIONS),
    capabilities: random.pick([{}, { elicitation: {} }, { sampling: {}, roots: {} }]),
    clientInfo: CLIENT_INFO,
  }),
  ping: () => ({}),
  'server/discover': () => ({}),
  'tools/list': random => page(random),
  'resources/list': random => page(random),
  'resources/templates/list': random => page(random),
  'prompts/list': random => page(random),
  'tools/call': random => ({
    name: random.pick(TOOLS),
    arguments: random.weighted([
      [3, () => ({ text: 'hello', count: 3, when: '2026-11-26T00:00:00Z' })],
      [2, () => ({ output: jsonValue(random) })],
      [1, () => ({ fail: textValue(random) })],
      [1, () => jsonValue(random)],
    ]),
    ...(random.chance(0.1) && { requestState: textValue(random) }),
    ...(random.chance(0.1) && { inputResponses: { ok: { action: 'accept', content: {} } } }),
  }),
  'resources/read': random => ({ uri: random.chance(0.8) ? random.pick(URIS) : textValue(random) }),
  'resources/subscribe': random => ({ uri: random.pick([...URIS, textValue(random)]) }),
  'resources/unsubscribe': random => ({ uri: random.pick([...URIS, textValue(random)]) }),
  'prompts/get': random => ({
    name: random.pick(PROMPTS),
    arguments: random.pick([{ name: 'Ann' }, { name: 7 }, {}, undefined]),
  }),
  'completion/complete': random => ({
    ref: random.pick([
      { type: 'ref/prompt', name: 'ask' },
      { type: 'ref/resource', uri: 'notes://{id}' },
      { type: 'ref/resource', uri: textValue(random) },
    ]),
    argument: { name: 'name', value: textValue(random) },
    ...(random.chance(0.3) && { context: { arguments: {} } }),
  }),
  'logging/setLevel': random => ({ level: random.pick(['debug', 'error', 'verbose', 7]) }),
  'subscriptions/listen': random => ({
    notifications: {
      toolsListChanged: true,
      resourceSubscriptions: random.list(random.pick([0, 1, 3, 200]), n => `notes://${n}`),
    },
  }),
  'tasks/get': () => ({ taskId: 'x' }),
  'elicitation/create': () => ({ message: 'x', requestedSchema: {} }),
  'sampling/createMessage': () => ({ messages: [], maxTokens: 1 }),
  'roots/list': () => ({}),
}

/** @param {Random} random */
function page(random) {
  return random.chance(0.3) ? { cursor: random.pick(['', 'x', null, 7, textValue(random)]) } : {}
}

/** @type {Record<string, (random: Random) => Message>} */
const NOTIFICATIONS = {
  'notifications/initialized': () => ({}),
  'notifications/cancelled': random => ({ requestId: idValue(random), reason: textValue(random) }),
  'notifications/progress': random => ({ progressToken: progressToken(random), progress: 1 }),
  'notifications/roots/list_changed': () => ({}),
  'notifications/message': () => ({ level: 'info', data: 'x' }),
}

/**
 * An id as a client may send it, and as none should.
 *
 * @param {Random} random
 */
export const idValue = random =>
  random.weighted([
    [6, () => random.int(1_000_000)],
    [4, () => `id-${random.int(1_000_000)}`],
    [1, () => random.pick(NUMBERS)],
    [1, () => random.pick(ODD_IDS)],
    [0.5, () => textValue(random)],
  ])

const ODD_IDS = [
  null,
  '',
  true,
  {},
  [],
  'x'.repeat(3_000),
  'replay:initialize',
  'mcp-lambda-sam:resumed',
  'mcp-lambda-sam:assumed-initialize',
  '__proto__',
  '1',
]

/**
 * A message that is right in every respect.
 *
 * @param {Random} random
 * @param {{ isStateless: boolean, method?: string }} options
 */
export function validRequest(random, { isStateless, method = random.pick(Object.keys(PARAMS)) }) {
  const params = (PARAMS[method] ?? PARAMS['ping'])?.(random) ?? {}
  return {
    jsonrpc: '2.0',
    id: `id-${random.int(2 ** 31)}`,
    method,
    params: isStateless ? { ...params, _meta: meta(random) } : params,
  }
}

/**
 * A message of any kind, more or less right.
 *
 * @param {Random} random
 * @param {{ isStateless: boolean }} options
 * @returns {unknown}
 */
export function message(random, { isStateless }) {
  const made = random.weighted([
    [10, () => validRequest(random, { isStateless })],
    [3, () => ({ ...validRequest(random, { isStateless }), id: idValue(random) })],
    [2, () => notification(random)],
    [1, () => response(random)],
    [1, () => ({ ...validRequest(random, { isStateless }), ...extra(random) })],
    [0.5, () => ({ jsonrpc: '2.0', id: 1, method: textValue(random), params: {} })],
    [0.3, () => jsonValue(random)],
    [0.3, () => random.list(random.int(5), () => message(random, { isStateless }))],
  ])
  return random.chance(0.5) ? made : changed(random, made, random.pick([0.03, 0.1, 0.3]))
}

/** @param {Random} random */
function notification(random) {
  const method = random.pick(Object.keys(NOTIFICATIONS))
  return { jsonrpc: '2.0', method, params: NOTIFICATIONS[method]?.(random) }
}

/** @param {Random} random */
const response = random => ({
  jsonrpc: '2.0',
  id: idValue(random),
  ...random.pick([
    { result: {} },
    { result: { action: 'accept', content: {} } },
    { error: { code: -32_603, message: 'no' } },
    { error: {} },
    {},
  ]),
})

/** @param {Random} random */
const extra = random =>
  random.pick([
    { extra: 1 },
    { params: null },
    { params: [] },
    { params: { _meta: null } },
    { params: { _meta: { progressToken: null } } },
    { params: undefined },
    { jsonrpc: '1.0' },
    { jsonrpc: 2 },
    { result: {} },
    { error: { code: 1, message: '' } },
    { id: undefined },
  ])
