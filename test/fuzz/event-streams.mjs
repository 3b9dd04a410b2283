// The target `event-streams`: random bytes as the response of a server, through the transports of
// the client. What it delivers is compared with a slow reader that follows the specification line
// by line, and each request of the client gets a response or an error.
import { SigV4SseTransport, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'

import { randomOfCase } from './random.mjs'
import { importSource } from './source.mjs'
import { changedText, jsonValue, textValue } from './values.mjs'

/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {{ id: string | undefined, event: string | undefined, data: string }} SseEvent */
/**
 * @typedef {(body: ReadableStream<Uint8Array>) => Promise<{ events: SseEvent[], error?: string
 * }>} Read
 */
/** @typedef {import('@markvp/mcp-lambda-sam-client').JsonRpcMessage} JsonRpcMessage */

const OPTIONS = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
  connectTimeoutMs: 1_000,
  sendTimeoutMs: 1_000,
  heartbeatTimeoutMs: 1_000,
}
const URL = 'http://127.0.0.1:1/'

/** @type {import('./worker.mjs').Target} */
export const target = {
  concurrency: 4,
  async start(seed) {
    const { readEvents } =
      /** @type {typeof import('../../packages/client/src/http/event-stream.ts')} */ (
        await importSource('packages/client/src/http/event-stream.ts')
      )
    return { run, show: index => makeStream(randomOfCase(seed, index)).toString() }

    /** @param {number} index */
    async function run(index) {
      const random = randomOfCase(seed, index)
      const bytes = makeStream(random)
      const chunks = inChunks(random, bytes)
      return random.weighted([
        [4, () => checkReader(bytes, chunks)],
        [1, () => checkSse(chunks, random)],
        [1, () => checkStreamable(chunks, random)],
      ])
    }

    /**
     * @param {Buffer} bytes
     * @param {Buffer[]} chunks
     */
    async function checkReader(bytes, chunks) {
      /** @type {SseEvent[]} */
      const got = []
      await readEvents(streamOf(chunks, 'end'), {
        heartbeatTimeoutMs: 1_000,
        onEvent: ({ id, event, data }) => void got.push({ id, event, data }),
      })
      const want = specified(new TextDecoder().decode(bytes))
      const difference = firstDifference(got, want)
      return difference === undefined
        ? []
        : [`other events than the specification says: ${difference}`]
    }
  },
}

/**
 * `/sse`: the endpoint is named, three requests are sent, and the rest of the stream is random.
 *
 * @param {Buffer[]} chunks
 * @param {Random} random
 */
async function checkSse(chunks, random) {
  const head = Buffer.from('event: endpoint\ndata: /message?sessionId=x\n\n')
  const end = random.pick(/** @type {const} */ (['end', 'break']))
  let begin = () => {}
  const begun = new Promise(resolve => {
    begin = () => resolve(undefined)
  })
  const transport = new SigV4SseTransport(URL, {
    ...OPTIONS,
    fetch: async (_url, init) =>
      init?.method === 'POST'
        ? new Response('Accepted', { status: 202 })
        : eventStream(streamOf([head, ...chunks], end, begun)),
  })
  return checkTransport(transport, ['one', 2, 'three'], begin)
}

/**
 * `/mcp`: the response to a request is the random stream.
 *
 * @param {Buffer[]} chunks
 * @param {Random} random
 */
async function checkStreamable(chunks, random) {
  const end = random.pick(/** @type {const} */ (['end', 'break']))
  const isJson = random.chance(0.2)
  const transport = new SigV4StreamableHttpTransport(URL, {
    ...OPTIONS,
    fetch: async (_url, init) => {
      if (init?.method !== 'POST') return new Response('{}', { status: 405 })
      const body = streamOf(chunks, end)
      return isJson
        ? new Response(body, { headers: { 'content-type': 'application/json' } })
        : eventStream(body)
    },
  })
  // A stream without ids cannot be resumed, so its end is the end of the request.
  return checkTransport(transport, ['one'], () => {})
}

/**
 * Sends requests. Each has one response or one error, by `onmessage` or by a rejection.
 *
 * @param {SigV4SseTransport | SigV4StreamableHttpTransport} transport
 * @param {(string | number)[]} ids
 * @param {() => void} begin lets the random part of the stream come
 */
async function checkTransport(transport, ids, begin) {
  /** @type {unknown[]} */
  const answered = []
  let settle = () => {}
  const isSettled = new Promise(resolve => {
    settle = () => resolve(undefined)
  })
  transport.onmessage = message => {
    if (message.method === undefined && message.id !== undefined) answered.push(message.id)
    if (ids.every(id => answered.includes(id))) settle()
  }
  transport.onerror = () => {}
  await transport.start()
  await Promise.all(
    ids.map(id =>
      transport
        .send({ jsonrpc: '2.0', id, method: 'tools/call', params: {} })
        .catch(() => void answered.push(id)),
    ),
  )
  if (ids.every(id => answered.includes(id))) settle()
  begin()
  await isSettled
  await transport.close()
  // The stream itself may have any number of responses. None comes from the transport twice.
  return []
}

/**
 * @param {Random} random
 * @returns {Buffer}
 */
function makeStream(random) {
  const end = random.pick(['\n', '\n', '\n', '\r\n', '\r'])
  const blocks = random.list(random.int(12), () => block(random, end))
  const start = random.pick(['', '', '', '\ufeff', '\ufeff\ufeff', end])
  const text = start + blocks.join('')
  const bytes = Buffer.from(random.chance(0.9) ? text : text.slice(0, random.int(text.length + 1)))
  if (random.chance(0.1) && bytes.length > 0)
    for (let n = random.int(5); n >= 0; n--) bytes[random.int(bytes.length)] = random.int(256)
  return bytes
}

/**
 * @param {Random} random
 * @param {string} end of a line
 */
function block(random, end) {
  const lines = random.list(random.int(5), () => line(random))
  const blank = random.chance(0.9) ? end : ''
  return (
    lines.map(it => it + (random.chance(0.97) ? end : random.pick(['\n', '\r']))).join('') + blank
  )
}

/** @param {Random} random */
const line = random =>
  random.weighted([
    [6, () => `data: ${data(random)}`],
    [1, () => `data:${data(random)}`],
    [1, () => random.pick(['data', 'data:', 'event', 'id', 'retry', ':', ''])],
    [2, () => `event: ${random.pick(['message', 'endpoint', 'bye', '', 'x'])}`],
    [2, () => `id: ${oneLine(textValue(random))}`],
    [1, () => `retry: ${random.pick(['0', '100', '-1', '1e3', 'x', '9x9'])}`],
    [1, () => `: ${oneLine(textValue(random))}`],
    [1, () => `${oneLine(textValue(random))}`],
    [1, () => ` ${oneLine(textValue(random))}: x`],
  ])

/** @param {Random} random */
function data(random) {
  const json = JSON.stringify(
    random.pick([
      () => ({ jsonrpc: '2.0', id: random.pick(['one', 2, 'three', 'x']), result: {} }),
      () => ({ jsonrpc: '2.0', id: 'one', error: { code: 1, message: textValue(random) } }),
      () => ({ jsonrpc: '2.0', method: 'notifications/progress', params: jsonValue(random) }),
      () => ({ jsonrpc: '2.0', id: 1, method: 'ping' }),
      () => jsonValue(random),
    ])(),
  )
  return oneLine(random.chance(0.8) ? json : changedText(random, json))
}

const oneLine = (/** @type {string} */ text) => text.replace(/[\r\n]/g, ' ').slice(0, 20_000)

/**
 * The events of a stream, as the specification says:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * @param {string} text decoded, without its byte order mark
 */
function specified(text) {
  /** @type {SseEvent[]} */
  const events = []
  // A line without an end is not processed.
  const lines = text.split(/\r\n|\r|\n/).slice(0, -1)
  let data = ''
  let event = ''
  let id = ''
  let hasData = false
  let hasId = false
  for (const line of lines) {
    if (line === '') {
      if (hasData)
        events.push({
          id: hasId ? id : undefined,
          event: event === '' ? undefined : event,
          data: data.slice(0, -1),
        })
      data = ''
      event = ''
      hasData = false
      hasId = false
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') {
      data += `${value}\n`
      hasData = true
    } else if (field === 'event') event = value
    else if (field === 'id' && !value.includes('\0')) {
      id = value
      hasId = true
    }
  }
  return events
}

/**
 * @param {SseEvent[]} got
 * @param {SseEvent[]} want
 */
function firstDifference(got, want) {
  for (let n = 0; n < Math.max(got.length, want.length); n++) {
    const [a, b] = [JSON.stringify(got[n]), JSON.stringify(want[n])]
    if (a !== b) return `event ${n} is ${a?.slice(0, 200)}, and not ${b?.slice(0, 200)}`
  }
  return undefined
}

/**
 * @param {Random} random
 * @param {Buffer} bytes
 */
function inChunks(random, bytes) {
  const chunks = []
  const longest = random.pick([1, 5, 100, 100_000])
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.int(bytes.length > 2_000 ? 100_000 : longest)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

/**
 * @param {Buffer[]} chunks
 * @param {'end' | 'break'} end
 * @param {Promise<unknown>} [begun] the second chunk and those after it come later
 */
function streamOf(chunks, end, begun) {
  let next = 0
  return new ReadableStream({
    async pull(controller) {
      if (next === 1) await begun
      const chunk = chunks[next++]
      if (chunk) controller.enqueue(new Uint8Array(chunk))
      else if (end === 'end') controller.close()
      else controller.error(new TypeError('terminated'))
    },
  })
}

/** @param {ReadableStream<Uint8Array>} body */
const eventStream = body => new Response(body, { headers: { 'content-type': 'text/event-stream' } })
