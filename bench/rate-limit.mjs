// Whether a rate limit holds across environments: eight of them, and three callers that want more
// than 5 calls per second. A fourth caller stays below its limit. All clients are ours, and wait.
import { SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

import { MCP, startGateway } from './gateway.mjs'
import { table } from './table.mjs'

const ENVIRONMENTS = 8
const PER_SECOND = 5
const CLIENTS = 12
const SECONDS = 30
/** The burst, and what each environment admits before it knows the others, come first. */
const WARM_UP_MS = 5_000
const TOOL = { name: 'busy', arguments: { ms: 30 } }

/** @param {string} name */
const principal = name => ({
  accessKeyId: `ASIA${name.toUpperCase()}`,
  secretAccessKey: `secret of ${name}`,
  sessionToken: `token of ${name}`,
  arn: `arn:aws:sts::111111111111:assumed-role/${name}/bench`,
  userId: `AROA${name.toUpperCase()}:bench`,
})
const GREEDY = ['one', 'two', 'three'].map(principal)
const MODEST = principal('modest')

/** @param {import('./run.mjs').Options} options */
export default async function rateLimit({ times }) {
  const seconds = times(SECONDS)
  let ran = 0
  const processes = new Set()
  const gateway = await startGateway({
    concurrency: ENVIRONMENTS,
    principals: [...GREEDY, MODEST],
    environment: { RATE_LIMIT: String(PER_SECOND) },
    onEach({ functionName, pid }) {
      if (functionName === 'wait') ran += 1
      if (functionName === MCP) processes.add(pid)
    },
  })
  try {
    await gateway.admin.registerTool({
      name: TOOL.name,
      lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:wait',
    })
    const callers = []
    for (const it of GREEDY) callers.push(await callerOf(it, CLIENTS))
    callers.push(await callerOf(MODEST, 1, 1_000))
    const from = Date.now() + WARM_UP_MS
    const until = from + seconds * 1000
    await Promise.all(callers.map(it => it.run(until)))
    const results = callers.reduce((sum, it) => sum + it.results.length, 0)
    const rows = callers.map(({ name, results, pauses, unserved }) => {
      const counted = results.filter(at => at >= from && at < until).length
      const perSecond = counted / seconds
      const share = name === 'modest' ? '' : ` (${(perSecond / PER_SECOND).toFixed(2)})`
      return [name, `${perSecond.toFixed(2)}${share}`, String(pauses()), String(unserved())]
    })
    return [
      table(['caller', 'results per second', 'pauses', 'no free environment'], rows),
      table(
        ['of all calls', 'number'],
        [
          ['environments of the mcp function', String(processes.size)],
          ['runs of the function', String(ran)],
          ['results', String(results)],
        ],
      ),
    ].join('\n\n')
  } finally {
    await gateway.close()
  }

  /**
   * One after the other, the clients connect.
   *
   * @param {ReturnType<typeof principal>} credentials
   * @param {number} count
   * @param {number} [pauseMs] between two calls of a client
   */
  async function callerOf(credentials, count, pauseMs = 0) {
    /** @type {number[]} */
    const results = []
    let pauses = 0
    let unserved = 0
    /** @type {Client[]} */
    const clients = []
    for (let n = 0; n < count; n++) {
      const client = new Client({ name: 'bench', version: '1.0.0' })
      const { region } = gateway
      await client.connect(
        new SigV4StreamableHttpTransport(gateway.mcpUrl, { region, credentials, onPause }),
      )
      clients.push(client)
    }
    return {
      name: credentials.accessKeyId.slice(4).toLowerCase(),
      results,
      pauses: () => pauses,
      unserved: () => unserved,
      /** @param {number} until */
      run: until => Promise.all(clients.map(client => call(client, until))),
    }

    /**
     * @param {Client} client
     * @param {number} until
     */
    async function call(client, until) {
      while (Date.now() < until) {
        await client.callTool(TOOL).then(
          () => results.push(Date.now()),
          error => {
            // The emulated Lambda refused it six times.
            if (!/TooManyRequests/.test(error.message)) throw error
            unserved += 1
          },
        )
        if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs))
      }
      await client.close()
    }

    /** @param {Error} refusal of the gateway, or of Lambda where no environment is free */
    function onPause({ message }) {
      if (message.includes('RateLimit')) pauses += 1
    }
  }
}
