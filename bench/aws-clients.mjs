// Processor time of one request to AWS: through our own client, through the AWS SDK as it comes,
// through the AWS SDK with everything turned off that can be, and by Node alone. Every client is a
// new process, because the engine makes code faster while it runs. The server is another one.
import { fork } from 'node:child_process'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

import { table } from './table.mjs'

const file = fileURLToPath(import.meta.url)
const EVENT = Buffer.from('{"city":"Paris"}')
const CONTEXT = Buffer.from('{"custom":{"bedrockAgentCoreToolName":"x"}}').toString('base64')
const KEY = { TableName: 't', Key: { type: { S: 'tool' }, name: { S: 'forecast' } } }

/** @typedef {() => Promise<unknown>} Send */

const CLIENTS = {
  'our client': ours,
  'the AWS SDK': sdk,
  'the AWS SDK, tuned': tunedSdk,
  'Node alone': nodeAlone,
}
/** An environment seldom serves more: the engine has not compiled everything by then. */
const STAGES = /** @type {const} */ ([100, 1_000, 10_000])

/** @param {import('./run.mjs').Options} options */
export default async function awsClients({ times }) {
  const server = fork(file, ['serve'])
  const [endpoint] = await once(server, 'message')
  const stages = STAGES.map(times)
  const rows = Object.keys(CLIENTS).map(name => [name])
  try {
    for (const operation of ['Invoke', 'GetItem'])
      for (const row of rows) row.push(...(await measure([row[0], operation, endpoint, ...stages])))
  } finally {
    server.kill()
  }
  const upTo = stages.map(it => it.toLocaleString('en'))
  const head = ['Invoke', 'GetItem'].flatMap(it => upTo.map(count => `${it}, to ${count}`))
  return table(['processor ms of a request', ...head], rows)
}

/**
 * What a new process spends on a request, up to each stage.
 *
 * @param {(string | number | undefined)[]} run
 * @returns {Promise<string[]>}
 */
async function measure(run) {
  const client = fork(file, ['run', ...run.map(String)], { execArgv: ['--no-warnings'] })
  const [spent] = await once(client, 'message')
  return spent
}

/**
 * @param {Send} send
 * @param {number[]} stages
 */
async function run(send, stages) {
  /** @type {string[]} */
  const spent = []
  let done = 0
  await send()
  for (const stage of stages) {
    const before = process.cpuUsage()
    const first = done
    for (; done < stage; done++) await send()
    const { user, system } = process.cpuUsage(before)
    spent.push(((user + system) / 1000 / (done - first)).toFixed(2))
  }
  process.send?.(spent, () => process.exit())
}

const credentials = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' }
const region = 'eu-central-1'
const load = createRequire(new URL('../packages/server/package.json', import.meta.url))

/** @typedef {(endpoint: string) => Promise<{ Invoke: Send, GetItem: Send }>} Client */

/** @type {Client} */
async function ours(endpoint) {
  const { outputFiles } = await load('esbuild').build({
    stdin: {
      contents: `export { lambdaApi } from './src/aws/lambda-api.ts'
        export { signedOperations } from './src/dynamodb/signed-operations.ts'`,
      resolveDir: fileURLToPath(new URL('../packages/server', import.meta.url)),
    },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
  })
  const source = Buffer.from(outputFiles[0].contents).toString('base64')
  const { lambdaApi, signedOperations } = await import(`data:text/javascript;base64,${source}`)
  const common = { region, endpoint: new URL(endpoint), credentials: () => credentials }
  const lambda = lambdaApi({ service: 'lambda', ...common })
  const send = signedOperations({ service: 'dynamodb', ...common })
  const { signal } = new AbortController()
  const input = { functionName: 'x', payload: EVENT, clientContext: CONTEXT }
  return { Invoke: () => lambda.invoke(input, signal), GetItem: () => send('GetItem', KEY) }
}

/** @type {Client} */
async function sdk(endpoint) {
  const { LambdaClient } = load('@aws-sdk/client-lambda')
  const { DynamoDBClient } = load('@aws-sdk/client-dynamodb')
  const config = { endpoint, region, credentials: async () => credentials }
  return operations(new LambdaClient({ ...config, maxAttempts: 1 }), new DynamoDBClient(config))
}

/**
 * Without what can be left out: the resolution of endpoint, credentials and middleware for each
 * request, the user agent, checksums, and the portable hash.
 *
 * @type {Client}
 */
async function tunedSdk(endpoint) {
  const { LambdaClient } = load('@aws-sdk/client-lambda')
  const { DynamoDBClient } = load('@aws-sdk/client-dynamodb')
  const url = new URL(endpoint)
  const { hostname, port } = url
  const config = {
    region,
    endpointProvider: () => ({ url }),
    endpoint: { protocol: 'http:', hostname, port: Number(port), path: '/' },
    credentials,
    maxAttempts: 1,
    cacheMiddleware: true,
    disableHostPrefix: true,
    sha256: NodeSha256,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  }
  const clients = [new LambdaClient(config), new DynamoDBClient(config)]
  for (const { middlewareStack } of clients) {
    for (const name of UNNECESSARY) middlewareStack.remove(name)
    middlewareStack.add(
      (/** @type {any} */ next) => (/** @type {any} */ args) => {
        args.request.headers.host = url.host
        return next(args)
      },
      { step: 'build' },
    )
  }
  return operations(clients[0], clients[1])
}

const UNNECESSARY = [
  'getUserAgentMiddleware',
  'loggerMiddleware',
  'recursionDetectionMiddleware',
  'omitRetryHeadersMiddleware',
  'hostHeaderMiddleware',
]

/**
 * @param {any} lambda
 * @param {any} dynamo
 */
function operations(lambda, dynamo) {
  const { InvokeCommand } = load('@aws-sdk/client-lambda')
  const { GetItemCommand } = load('@aws-sdk/client-dynamodb')
  const { signal: abortSignal } = new AbortController()
  const input = { FunctionName: 'x', Payload: EVENT, ClientContext: CONTEXT }
  return {
    Invoke: () => lambda.send(new InvokeCommand(input), { abortSignal }),
    GetItem: () => dynamo.send(new GetItemCommand(KEY)),
  }
}

/** Node's hash in the place of the portable one. */
class NodeSha256 {
  /** @param {any} [secret] */
  constructor(secret) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret)
  }
  /** @param {Uint8Array} data */
  update(data) {
    this.hash.update(data)
  }
  async digest() {
    return this.hash.digest()
  }
}

/**
 * What Node itself takes: nothing is signed and no response is read.
 *
 * @type {Client}
 */
async function nodeAlone(endpoint) {
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(endpoint)
  const post = (/** @type {string} */ path, /** @type {Buffer} */ body) => () =>
    new Promise(resolve => {
      request({ agent, hostname, port, path, method: 'POST' })
        .on('response', response => response.resume().on('end', resolve))
        .end(body)
    })
  return {
    Invoke: post('/2015-03-31/functions/x/invocations', EVENT),
    GetItem: post('/', Buffer.from(JSON.stringify(KEY))),
  }
}

/** Responds to `Invoke` with a result and to `GetItem` with a registration of a kilobyte. */
function serve() {
  const registration = { S: JSON.stringify({ description: 'x'.repeat(1_000) }) }
  const item = JSON.stringify({ Item: { ...KEY.Key, version: { N: '1' }, registration } })
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      const isInvoke = incoming.url?.endsWith('/invocations')
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(isInvoke ? '{"temperature":21}' : item)
    })
  }).listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (typeof address === 'object') process.send?.(`http://127.0.0.1:${address?.port}`)
  })
}

const [, script, role, name, operation, endpoint = '', ...stages] = process.argv
if (script === file && role === 'serve') serve()
if (script === file && role === 'run') {
  const make = Object.entries(CLIENTS).find(([it]) => it === name)?.[1]
  const send = (await make?.(endpoint))?.[operation === 'Invoke' ? 'Invoke' : 'GetItem']
  if (send) await run(send, stages.map(Number))
}
