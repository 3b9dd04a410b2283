// The target `outputs`: random outputs of functions through both calling contracts. Whatever a
// function returns becomes a valid MCP result or an error that says what is wrong.
import { randomOfCase } from './random.mjs'
import { importSource } from './source.mjs'
import { changed, changedText, jsonValue, NUMBERS, nested, textValue } from './values.mjs'

/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {typeof import('../../packages/server/test/fuzz/contracts.ts')} Contracts */

const METHODS = /** @type {const} */ ([
  'tools/call',
  'resources/read',
  'prompts/get',
  'completion/complete',
])
const RESULTS = /** @type {const} */ ({
  'tools/call': 'CallToolResult',
  'resources/read': 'ReadResourceResult',
  'prompts/get': 'GetPromptResult',
  'completion/complete': 'CompleteResult',
})
/** Errors are for people and models to read. What a function returned is not cut. */
const MAX_ERROR_LENGTH = 16 * 1024
const INTERNAL_ERROR = -32_603

/** @type {import('./worker.mjs').Target} */
export const target = {
  concurrency: 4,
  async start(seed) {
    const contracts = /** @type {Contracts} */ (
      await importSource('packages/server/test/fuzz/contracts.ts')
    )
    return {
      run: index => check(makeCase(randomOfCase(seed, index)), contracts),
      show: index => {
        const { method, text, chunks } = makeCase(randomOfCase(seed, index))
        return { method, ...(chunks ? { lines: Buffer.concat(chunks).toString() } : { text }) }
      },
    }
  },
}

/**
 * @typedef {{ method: typeof METHODS[number], text: string, chunks?: Buffer[] }} Case `chunks` for
 * the contract `mcp`
 */

/**
 * @param {Random} random
 * @returns {Case}
 */
function makeCase(random) {
  const method = random.pick(METHODS)
  if (method === 'completion/complete' || random.chance(0.4))
    return { method, text: '', chunks: inChunks(random, Buffer.from(lines(random, method))) }
  return { method, text: outputText(random, method) }
}

/**
 * @param {Random} random
 * @param {string} method
 */
function outputText(random, method) {
  const json = JSON.stringify(output(random, method)) ?? ''
  return random.weighted([
    [12, () => json],
    [2, () => changedText(random, json)],
    [0.02, () => JSON.stringify('x'.repeat(1_000_000))],
    [0.02, () => `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    [0.02, () => `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ])
}

/**
 * @param {Random} random
 * @param {string} method
 * @returns {unknown}
 */
const output = (random, method) =>
  random.weighted([
    [3, () => jsonValue(random)],
    [4, () => changed(random, result(random, method), random.pick([0, 0.05, 0.2]))],
    [4, () => changed(random, httpResponse(random, method), random.pick([0, 0.05, 0.2]))],
    [1, () => errorOf(random)],
  ])

/**
 * A result of MCP, with the nulls that some libraries write for members without a value.
 *
 * @param {Random} random
 * @param {string} method
 */
function result(random, method) {
  const text = textValue(random)
  const nulls = random.pick([{}, { annotations: null, _meta: null }])
  const contents = random.list(random.int(3), () =>
    random.pick([
      { uri: 'notes://1', text, ...nulls },
      { uri: 'notes://1', blob: 'AAAA', mimeType: 'image/png' },
    ]),
  )
  const blocks = random.list(random.int(4), () =>
    random.pick([
      { type: 'text', text, ...nulls },
      { type: 'image', data: 'AAAA', mimeType: 'image/png', ...nulls },
      { type: 'audio', data: '%%%', mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'x://y', text } },
      { type: 'resource_link', uri: 'x://y', name: 'y', description: null },
      { type: 'unknown' },
      { id: 1 },
    ]),
  )
  const structured = random.pick([undefined, null, { a: 1 }, [1], 'text', 7, jsonValue(random)])
  const more = random.pick([{}, { isError: true }, { isError: null }, { totalPages: 1 }])
  if (method === 'resources/read') return { contents, ...more }
  if (method === 'prompts/get')
    return { messages: blocks.map(content => ({ role: 'user', content })), ...more }
  if (method === 'completion/complete')
    return { completion: { values: random.list(random.pick([0, 3, 101]), () => text) } }
  return random.pick([
    { content: blocks, structuredContent: structured, ...more },
    { structuredContent: structured, ...more },
    { content: blocks, ...more },
  ])
}

/**
 * What functions behind an API Gateway return.
 *
 * @param {Random} random
 * @param {string} method
 */
function httpResponse(random, method) {
  const inner = random.pick([jsonValue(random), result(random, method), textValue(random)])
  const body = typeof inner === 'string' ? inner : JSON.stringify(inner)
  const isBase64Encoded = random.chance(0.3)
  const type = random.pick(['application/json', 'IMAGE/PNG', 'text/csv', 'image/svg+xml', '', null])
  const name = random.pick(['content-type', 'Content-Type', 'CONTENT-TYPE'])
  const encoding = random.chance(0.1) && { 'content-encoding': random.pick(['gzip', 'br', 'x']) }
  return {
    statusCode: random.pick([200, '200', 204, 302, 404, 500, 99, 1e9, ...NUMBERS.slice(0, 3)]),
    body: random.pick([isBase64Encoded ? Buffer.from(body).toString('base64') : body, inner, null]),
    isBase64Encoded: random.pick([isBase64Encoded, null, 'true']),
    ...random.pick([
      {},
      { headers: { [name]: type, ...encoding } },
      { multiValueHeaders: { [name]: [type] } },
      { headers: null, cookies: [] },
    ]),
  }
}

/** @param {Random} random */
const errorOf = random => ({
  errorType: textValue(random),
  errorMessage: random.pick([
    textValue(random),
    'x'.repeat(60_000),
    `RequestId: ${'a '.repeat(9)}`,
  ]),
  trace: [],
})

/**
 * The output of a function with the calling contract `mcp`.
 *
 * @param {Random} random
 * @param {string} method
 */
function lines(random, method) {
  const notification = () =>
    random.pick([
      { method: 'notifications/progress', params: { progress: random.pick(NUMBERS), total: 2 } },
      { method: 'notifications/message', params: { level: 'info', data: jsonValue(random) } },
      { method: 'tools/list', params: {} },
    ])
  const final = () =>
    random.weighted([
      [6, () => ({ result: result(random, method) })],
      [2, () => ({ error: { code: -32_050, message: textValue(random), data: null } })],
      [1, () => ({ error: errorOf(random) })],
      [1, () => ({ result: inputRequired(random) })],
      [1, () => errorOf(random)],
      [1, () => jsonValue(random)],
      [0.05, () => ({ result: { content: [nested(3_000, true)] } })],
    ])
  const all = [
    ...random.list(random.int(4), notification),
    ...(random.chance(0.9) ? [final()] : []),
  ]
  if (random.chance(0.05)) all.push(final())
  const rate = random.pick([0, 0, 0.05, 0.2])
  const texts = all.map(it => JSON.stringify(changed(random, it, rate)) ?? '')
  const end = random.pick(['\n', '\n', '\r\n', '\n\n', ''])
  const text = texts
    .map(it => `${random.chance(0.95) ? it : changedText(random, it)}${end}`)
    .join('')
  return random.chance(0.1) ? `{"statusCode":200}${'\0'.repeat(8)}${text}` : text
}

/** @param {Random} random */
const inputRequired = random => ({
  resultType: 'input_required',
  inputRequests: {
    [textValue(random)]: random.pick([
      { method: 'elicitation/create', params: { message: 'x', requestedSchema: {} } },
      { method: 'roots/list' },
      { method: 'tools/list' },
    ]),
  },
  ...(random.chance(0.5) && { requestState: textValue(random) }),
})

/**
 * @param {Random} random
 * @param {Buffer} bytes
 */
function inChunks(random, bytes) {
  const chunks = []
  const longest = random.pick([1, 7, 100, 100_000])
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.int(bytes.length > 5_000 ? 100_000 : longest)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  if (random.chance(0.03)) chunks.push(Buffer.from([0xff, 0x0a]))
  return chunks
}

/**
 * @param {Case} made
 * @param {Contracts} contracts
 */
async function check({ method, text, chunks }, contracts) {
  const { resultOf, resultOfOutput, problemsOf, isExpectedError } = contracts
  /** @type {unknown} */
  let value
  try {
    value = chunks
      ? await resultOf(method, streamOf(chunks), { progress: async () => {}, log: async () => {} })
      : await resultOfOutput(method, { payload: text })
  } catch (error) {
    if (!isExpectedError(error)) throw error
    const { length } = error.message
    // The messages that the contracts make have the code of an internal error.
    const isReturned =
      error.code !== INTERNAL_ERROR || /^The function returned status /.test(error.message)
    return length > MAX_ERROR_LENGTH && !isReturned
      ? [`an error message of ${length} characters`]
      : []
  }
  const problems = []
  // What cannot be serialized would never be answered.
  const json = JSON.stringify(value)
  const issues = problemsOf(RESULTS[method], JSON.parse(json))
  if (issues) problems.push(`no valid ${RESULTS[method]}: ${issues}`)
  return problems
}

/** @param {Buffer[]} chunks */
async function* streamOf(chunks) {
  yield* chunks
}
