import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

// A function with the calling contract `mcp`. `mode` chooses how it keeps or breaks the contract.

/** @typedef {import('../globals/awslambda.d.ts').ResponseStream} ResponseStream */
/** @typedef {(line: object) => boolean} Write writes a line of JSON */
/**
 * @typedef {{ action?: string, content?: Record<string, string>, roots?: { uri: string }[] }}
 * Reply
 */
/**
 * @typedef {{
 *   arguments: { mode?: string, file: string, times?: number },
 *   uri?: string,
 *   inputResponses?: Record<string, Reply>,
 *   requestState?: string,
 * }} Params
 */

/** @param {string | undefined} it */
const text = it => ({ result: { content: [{ type: 'text', text: it }] } })
/**
 * @param {number} progress
 * @param {string} [message]
 */
const progress = (progress, message) => ({
  method: 'notifications/progress',
  params: { progress, total: 2, message },
})
/**
 * @param {string} level
 * @param {unknown} data
 */
const log = (level, data) => ({
  method: 'notifications/message',
  params: { level, logger: 'contract', data },
})
/**
 * @param {Record<string, object>} inputRequests
 * @param {string} [requestState]
 */
const ask = (inputRequests, requestState) => ({
  result: { resultType: 'input_required', inputRequests, requestState },
})
/** @param {string} message */
const form = message => ({
  method: 'elicitation/create',
  params: {
    message,
    requestedSchema: { type: 'object', properties: { answer: { type: 'string' } } },
  },
})
const sampling = {
  method: 'sampling/createMessage',
  params: {
    maxTokens: 10,
    messages: [{ role: 'user', content: { type: 'text', text: 'A word?' } }],
  },
}

/** @typedef {'tools/call' | 'prompts/get' | 'resources/read' | 'completion/complete'} Method */
/** @typedef {{ method: Method, params: Params }} Event */
/** @typedef {import('../globals/awslambda.d.ts').Context} Context */
/**
 * @type {Record<string, (
 *   write: Write,
 *   event: Event,
 *   stream: ResponseStream,
 *   context: Context,
 * ) => unknown>}
 */
const modes = {
  event(write, event) {
    const json = JSON.stringify(event)
    const results = {
      'tools/call': text(json).result,
      'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text: json } }] },
      'resources/read': { contents: [{ uri: event.params.uri, text: json }] },
      'completion/complete': { completion: { values: [json] } },
    }
    write({ result: results[event.method] })
  },
  tenant: (write, _event, _stream, { tenantId }) =>
    write(text(JSON.stringify({ tenantId, pid: process.pid }))),
  async wait(write, { params }) {
    const { file } = params.arguments
    write(progress(1, 'half way'))
    write(log('info', 'half way'))
    while (!existsSync(file)) await sleep(20)
    write(text('done'))
  },
  steps(write) {
    for (const n of [1, 2, 3]) write(progress(n))
    write(text('done'))
  },
  logs(write) {
    for (const level of ['debug', 'info', 'warning', 'error']) write(log(level, { level }))
    write(text('logged'))
  },
  elicit(write, { params: { inputResponses } }) {
    const { ok } = inputResponses ?? {}
    if (!ok) return write(ask({ ok: form('Sure?') }))
    write(text(`${ok.action} ${JSON.stringify(ok.content)}`))
  },
  sample(write, { params: { inputResponses } }) {
    if (!inputResponses) return write(ask({ word: sampling }))
    write(text(inputResponses.word?.content?.text))
  },
  roots(write, { params: { inputResponses } }) {
    if (!inputResponses) return write(ask({ where: { method: 'roots/list' } }))
    write(text(inputResponses.where?.roots?.[0]?.uri))
  },
  /** Keeps no state between its rounds: the state comes back with the request. */
  rounds(write, { params: { inputResponses, requestState } }) {
    const { said = [] } = requestState ? JSON.parse(requestState) : {}
    const now = [...said, ...(inputResponses ? [inputResponses.next?.content?.answer] : [])]
    if (now.length === 3) return write(text(now.join()))
    write(progress(now.length))
    write(ask({ next: form(`Round ${now.length + 1}`) }, JSON.stringify({ said: now })))
  },
  all(write, { params: { inputResponses } }) {
    if (inputResponses) return write(text(Object.keys(inputResponses).sort().join()))
    write(ask({ form: form('?'), word: sampling, where: { method: 'roots/list' } }))
  },
  /** Runs when the client has agreed: leaves a line for each run. */
  'elicit-once'(write, { params }) {
    const { ok } = params.inputResponses ?? {}
    if (!ok) {
      const { result } = ask({ ok: form('Sure?') })
      return write({ result: { ...result, singleUse: true } })
    }
    appendFileSync(params.arguments.file, `${ok.action}\n`)
    write(text(ok.action))
  },
  deep(_write, _event, stream) {
    stream.write(`{"result":{"content":[],"structuredContent":{"a":${'['.repeat(100_000)}`)
    stream.write(`${']'.repeat(100_000)}}}}\n`)
  },
  forever: write => write(ask({ again: form('Again?') })),
  'ask-nothing': write => write({ result: { resultType: 'input_required' } }),
  'ask-wrong': write => write(ask({ it: { method: 'tools/list', params: {} } })),

  error: write =>
    write({ error: { code: -32050, message: 'not today', data: { retry: 'monday' } } }),
  'tool-error': write => write({ result: { isError: true, ...text('no such city').result } }),
  malformed: write => write({ result: { content: [{ type: 'text', txt: 'typo' }] } }),
  garbage: (_, __, stream) => stream.write('{"result": {"content"\n'),
  'not-utf-8': (_, __, stream) => stream.write(Buffer.from([0x22, 0xff, 0x22, 0x0a])),
  bare: write => write({ content: [] }),
  request: write => write({ id: 1, ...form('Sure?') }),
  nothing: () => {},
  'no-final': write => write(progress(1)),
  'two-finals': write => [1, 2].forEach(it => void write(text(`${it}`))),
  after: write => [text('done'), progress(2)].forEach(write),
  throw() {
    throw new TypeError('the disk is full')
  },
  async 'throw-later'(write) {
    write(progress(1))
    await sleep(20)
    throw new TypeError('the disk is full')
  },
  exit: () => process.exit(3),
  hang: () => sleep(600_000),
  async 'exit-later'(write) {
    write(progress(1))
    await sleep(20)
    process.exit(3)
  },
  async 'exit-within'(_, __, stream) {
    stream.write('{"result": {"content": [')
    await sleep(20)
    process.exit(3)
  },
  /** Goes on after its final line, which is all that counts. */
  async late(write, { params }) {
    write(text('done'))
    while (!existsSync(params.arguments.file)) await sleep(20)
    appendFileSync(params.arguments.file, 'ended')
    throw new Error('too late to matter')
  },
  unordered(write) {
    for (const n of [1, 3, 2, 3, 3.5]) write(progress(n))
    write(text('done'))
  },

  async bytes(_, __, stream) {
    for (const byte of Buffer.from(
      `${JSON.stringify(log('error', 'ü 🎈'))}\n\n${JSON.stringify(text('ö 🎉'))}`,
    )) {
      stream.write(Buffer.from([byte]))
      await sleep(0)
    }
  },
  prelude(_, __, stream) {
    const out = awslambda.HttpResponseStream.from(stream, { statusCode: 200, headers: {} })
    out.write(`${JSON.stringify(text('behind a prelude'))}\n`)
  },
  large: write => write(text('é'.repeat(10_000_000))),
  async many(write, { params }, stream) {
    const { times = 200, file } = params.arguments
    for (let n = 0; n < times; n++) {
      if (file) appendFileSync(file, '.')
      if (!write(log('error', `${n} `.padEnd(100_000, 'x'))))
        await new Promise(resolve => stream.once('drain', resolve))
    }
    write(text('many'))
  },
  'too-large': write => write(text('x'.repeat(25 * 1024 * 1024))),
  async ticks(write, { params }) {
    appendFileSync(params.arguments.file, 'ran')
    for (let n = 0; ; n++) {
      write(progress(n))
      await sleep(20)
    }
  },
}

export const handler = awslambda.streamifyResponse(
  async (/** @type {Event} */ event, stream, context) => {
    /** @type {Write} */
    const write = it => stream.write(`${JSON.stringify(it)}\n`)
    const { arguments: args, uri } = event.params
    await modes[args?.mode ?? uri?.split('://')[1] ?? 'event']?.(write, event, stream, context)
    stream.end()
  },
)
