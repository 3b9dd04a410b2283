// Replaces the native addon of aws-lambda-ric, which needs a compiler: the same calls over
// node:http. `node --require` loads it before the runtime requires its addon.
const { Agent, request } = require('node:http')
const Module = require('node:module')

const [hostname, port] = (process.env.AWS_LAMBDA_RUNTIME_API ?? '').split(':')
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** @typedef {{ bodyJson: string, headers: import('node:http').IncomingHttpHeaders }} Reply */

/**
 * @param {string} method
 * @param {string} path
 * @param {string | undefined} body
 * @param {import('node:http').OutgoingHttpHeaders} headers
 * @param {(reply: Reply) => void} [done]
 */
function send(method, path, body, headers, done = () => {}) {
  request(
    { agent, hostname, port, method, path: `/2018-06-01/runtime${path}`, headers },
    response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
      response.on('end', () => done({ bodyJson: text, headers: response.headers }))
    },
  ).end(body)
}

/** @param {string} body */
const json = body => ({
  'Content-Type': 'application/json',
  'Content-Length': Buffer.byteLength(body),
})

const client = {
  initializeClient() {},
  next: () => new Promise(resolve => send('GET', '/invocation/next', undefined, {}, resolve)),
  /**
   * @param {string} id
   * @param {string} body
   */
  done: (id, body) => send('POST', `/invocation/${id}/response`, body, json(body)),
  /**
   * @param {string} id
   * @param {string} body
   */
  error: (id, body) => send('POST', `/invocation/${id}/error`, body, json(body)),
}

/** @typedef {{ _load: (name: string, ...rest: unknown[]) => unknown }} Internals */

const internals = /** @type {Internals} */ (/** @type {unknown} */ (Module))
const load = internals._load
internals._load = (/** @type {string} */ name, /** @type {unknown[]} */ ...rest) =>
  name.endsWith('rapid-client.node') ? client : load(name, ...rest)
