import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep, setInterval as ticksOf } from 'node:timers/promises'

/**
 * @typedef {{ case?: string, rawPath?: string, size: number, ms: number, file: string, folder: string, count: number }} Event
 */
/** @typedef {import('../../../../../test/globals/awslambda.d.ts').Context} Context */

/** @type {Record<string, (event: Event, context: Context) => unknown>} */
const cases = {
  full: () => ({
    statusCode: 201,
    headers: { 'content-type': 'text/plain', 'x-number': 7 },
    cookies: ['a=b', 'c=d'],
    body: 'body',
  }),
  binary: () => ({
    statusCode: 200,
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.from([0, 255, 1]).toString('base64'),
    isBase64Encoded: true,
  }),
  renamed: () => ({
    statusCode: 401,
    headers: {
      'WWW-Authenticate': 'Bearer realm="mcp"',
      Server: 'ours',
      date: 'Thu, 01 Jan 1970 00:00:00 GMT',
      'Content-Length': '4',
      connection: 'close',
      'x-other': 'kept',
    },
    body: 'body',
  }),
  'bad-head': () => ({ statusCode: 200, headers: { date: 'then', 'bad name': 'x' }, body: '' }),
  'bad-status': () => ({ statusCode: 'fine', body: '' }),
  'bad-body': () => ({ statusCode: 200, body: { an: 'object' } }),
  value: () => ({ some: 'value' }),
  nothing: () => undefined,
  text: () => 'plain',
  throw: () => {
    throw Object.assign(new TypeError('broken'), { code: 'E_BROKEN' })
  },
  'throw-string': () => Promise.reject('just words'),
  circular: () => {
    /** @type {Record<string, unknown>} */
    const it = {}
    it.it = it
    return it
  },
  exit: () => process.exit(7),
  'exit-zero': () => process.exit(0),
  kill: () => process.kill(process.pid, 'SIGSEGV'),
  silent: () => new Promise(() => setInterval(() => {}, 1000)),
  busy: () => {
    for (;;);
  },
  crash: () => new Promise(() => setImmediate(() => JSON.parse('{'))),
  large: event => 'x'.repeat(event.size),
  'until-file': async event => {
    while (!existsSync(event.file)) await sleep(10)
    return process.pid
  },
  // Waits until `count` processes are here.
  meet: async event => {
    writeFileSync(join(event.folder, String(process.pid)), '')
    while (readdirSync(event.folder).length < event.count) await sleep(10)
    return process.pid
  },
  // Ends after `count` ticks of 5 ms.
  ticks: async event => {
    let ticks = 0
    for await (const _ of ticksOf(5)) if (++ticks === event.count) return ticks
  },
  echo: (event, context) => ({
    event,
    context: { ...context, remaining: context.getRemainingTimeInMillis() },
    trace: process.env._X_AMZN_TRACE_ID,
    environment: process.env,
    directory: process.cwd(),
  }),
  log: () => {
    console.log('first', { a: 1 })
    console.warn('two\nlines')
    process.stderr.write('straight to stderr\n')
    return 'logged'
  },
  'log-object': () => {
    const stack = 'TypeError: broken\n    at somewhere (file.js:1:2)'
    const error = Object.assign(new TypeError('broken'), { code: 'E_BROKEN', stack })
    console.error({ message: 'request failed', requestId: 'of the URL', nested: { a: [1] } })
    console.warn({ message: 'with an error', error })
    console.info({ 'two\nlines': 'a\nb' })
    console.debug([1, undefined])
    console.log({})
    return 'logged'
  },
}

let calls = 0

/**
 * @param {Event} event
 * @param {Context} context
 */
export const handler = async (event, context) => {
  const name = event.case ?? event.rawPath?.slice(1) ?? ''
  // Takes the processor after its response, so that it asks late for the next event.
  if (name === 'busy after')
    setTimeout(() => {
      for (const end = Date.now() + 30; Date.now() < end; );
    }, 1)
  if (name === 'calls' || name === 'busy after') return { calls: ++calls, pid: process.pid }
  return cases[name]?.(event, context)
}
