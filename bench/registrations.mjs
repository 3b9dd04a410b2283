// Whether a gateway with many tools is as fast as one with few.
import { setTimeout as sleep } from 'node:timers/promises'
import { emulatedTable } from './emulated-table.mjs'
import { CALL, check, HELLO, MCP, startGateway } from './gateway.mjs'
import { modernClient } from './requests.mjs'
import { table } from './table.mjs'
import { median, takeTurns } from './turns.mjs'

const COUNTS = [10, 1_000, 10_000]
/** After this time an environment reads the registry version again. */
const SEEN_MS = 1_100

/**
 * @typedef {import('./gateway.mjs').Gateway} Gateway
 * @typedef {import('./requests.mjs').Send} Send
 */

/** @param {import('./run.mjs').Options} options */
export default async function registrations({ times }) {
  /** @type {Gateway[]} */
  const gateways = []
  try {
    for (const count of COUNTS) {
      const gateway = await startGateway()
      gateways.push(gateway)
      await fill(gateway, count - 1)
    }
    const sizes = gateways.map((gateway, n) => ({
      gateway,
      client: modernClient(gateway),
      count: COUNTS[n] ?? 0,
    }))
    /**
     * A variant for each number of tools.
     *
     * @param {(client: Send, gateway: Gateway, count: number) => Promise<number | void>} run
     */
    const each = run =>
      Object.fromEntries(
        sizes.map(({ client, gateway, count }) => [count, () => run(client, gateway, count)]),
      )
    /** @param {Send} client */
    const call = async client => check(await client('tools/call', CALL))

    /**
     * @param {Send} client
     * @param {Gateway} gateway
     */
    const firstCall = async (client, gateway) => {
      await gateway.invoke()
      await gateway.makeCold(MCP)
      return timed(() => call(client))
    }

    await takeTurns(times(20), each(call))
    const warm = await takeTurns(times(200), each(call))
    /** @type {Record<string, number[]>} */
    const changed = Object.fromEntries(COUNTS.map(count => [count, []]))
    for (let n = 0; n < times(10); n++) {
      await Promise.all(gateways.map(it => it.admin.update('tool-hello', HELLO)))
      await sleep(SEEN_MS)
      for (const [count, ms] of Object.entries(await takeTurns(1, each(call))))
        changed[count]?.push(...ms)
    }
    const firstList = each(client => client('tools/list').then(() => {}))
    await takeTurns(1, firstList)
    const firstPages = await takeTurns(times(10), firstList)
    const cold = await takeTurns(times(8), each(firstCall))
    await takeTurns(1, each(list))
    const lists = await takeTurns(times(10), each(list))
    // These register more tools.
    const put = await changes(times(30), each, putOtherFunction)
    const removeShared = await changes(times(30), each, it => createAndRemove(it, HELLO.lambdaArn))
    const removeLast = await changes(times(30), each, it => createAndRemove(it, `${LIVE}-own`))
    const page = await takeTurns(
      times(20),
      each((_, gateway) => firstPage(gateway)),
    )
    /**
     * @param {string} name
     * @param {Record<string, number[]>} measured milliseconds by number of tools
     */
    const row = (name, measured) => {
      const [few = 0, ...more] = COUNTS.map(count => median(measured[count] ?? []))
      const ratios = more.map(ms => `${ms.toFixed(1)} (${(ms / few).toFixed(2)})`)
      return [name, few.toFixed(1), ...ratios]
    }
    return table(
      ['p50 ms', ...COUNTS.map(count => `${count.toLocaleString('en')} tools`)],
      [
        row('tools/call', warm),
        row('tools/list, first page', firstPages),
        row('tools/call, after a change of the registry', changed),
        row('tools/call, first request of an environment', cold),
        row('tools/list, all pages', lists),
        row('PUT with another function', put),
        row('DELETE of a function that others have', removeShared),
        row('DELETE of the last of its function', removeLast),
        row('GET /register?limit=10', page),
      ],
    )
  } finally {
    await Promise.all(gateways.map(it => it.close()))
  }
}

const LIVE = `${HELLO.lambdaArn}:live`

/**
 * Measures a change of the registry. The first one of a gateway is not measured: it may read what
 * an earlier version has written.
 *
 * @param {number} times
 * @param {(run: (client: Send, gateway: Gateway) => Promise<number>) => Record<string, () => Promise<number | void>>} each
 * @param {(gateway: Gateway) => Promise<number>} change
 */
async function changes(times, each, change) {
  const variants = each((_, gateway) => change(gateway))
  await takeTurns(1, variants)
  return takeTurns(times, variants)
}

/**
 * Moves a tool to another function and back. Others have both functions, so that no call waits for
 * the environments that may still use the old one.
 *
 * @param {Gateway} gateway
 */
async function putOtherFunction({ admin }) {
  const tool = { ...HELLO, name: 'moving' }
  const keeper = { ...HELLO, name: 'keeper', lambdaArn: LIVE }
  for (const it of [tool, keeper]) await admin.registerTool(it).catch(() => {})
  const ms = await timed(() => admin.update('tool-moving', { ...tool, lambdaArn: LIVE }))
  await admin.update('tool-moving', tool)
  return ms
}

/**
 * @param {Gateway} gateway
 * @param {string} lambdaArn
 */
async function createAndRemove({ admin }, lambdaArn) {
  await admin.registerTool({ ...HELLO, name: 'removed', lambdaArn })
  return timed(() => admin.remove('tool-removed'))
}

/** @param {Gateway} gateway */
async function firstPage({ fetch, registrationUrl }) {
  const response = await fetch(new URL('register?limit=10', registrationUrl))
  const { items } = await response.json()
  if (items.length !== 10) throw new Error(`${items.length} registrations instead of 10`)
}

/** @param {() => Promise<unknown>} run */
async function timed(run) {
  const started = performance.now()
  await run()
  return performance.now() - started
}

/**
 * Reads all pages of the list. A page has up to 4 MB.
 *
 * @param {Send} client
 * @param {Gateway} _gateway
 * @param {number} count of tools that are expected
 */
async function list(client, _gateway, count) {
  const names = new Set()
  /** @type {string | undefined} */
  let cursor
  do {
    const page = /** @type {{ tools: { name: string }[], nextCursor?: string }} */ (
      await client('tools/list', cursor ? { cursor } : {})
    )
    for (const { name } of page.tools) names.add(name)
    cursor = page.nextCursor
  } while (cursor)
  if (names.size !== count) throw new Error(`${names.size} tools instead of ${count}`)
}

/**
 * Registers many tools by writing copies of one row to the table. The API would take too long.
 *
 * @param {Gateway} gateway
 * @param {number} count
 */
async function fill({ admin, dynamodbUrl }, count) {
  const { name } = await admin.registerTool(USUAL)
  const { name: TableName, send: dynamo } = await emulatedTable(dynamodbUrl, 'RegistrationTable')
  const Key = { type: { S: 'tool' }, name: { S: name } }
  const { Item } = await dynamo('GetItem', { TableName, Key })
  const rows = Array.from({ length: count - 2 }, (_, n) =>
    withFunctionRow(copy(Item, name, `${name}-${n}`)),
  ).flat()
  for (let n = 0; n < rows.length; n += 25) {
    const requests = rows.slice(n, n + 25).map(it => ({ PutRequest: { Item: it } }))
    const { UnprocessedItems = {} } = await dynamo('BatchWriteItem', {
      RequestItems: { [TableName]: requests },
    })
    if (Object.keys(UnprocessedItems).length > 0) throw new Error('some rows were not written')
  }
  // The last tool goes through the API, which increments the registry version.
  await admin.registerTool({ ...USUAL, name: `${name}-last` })
}

/**
 * A row of the registration table under another name.
 *
 * @param {{ registration: { S: string }, functionRow: { S: string } }} row
 * @param {string} name
 * @param {string} other
 */
function copy(row, name, other) {
  const registration = JSON.parse(row.registration.S)
  const renamed = { ...registration, name: other, id: registration.id.replace(name, other) }
  return { ...row, name: { S: other }, registration: { S: JSON.stringify(renamed) } }
}

/**
 * The row, and the one that says that its function has it.
 *
 * @param {{ name: { S: string }, functionRow: { S: string } }} row
 */
function withFunctionRow(row) {
  const [lambdaArn, nonce] = row.functionRow.S.split(' ')
  const type = { S: `#function ${lambdaArn}` }
  return [row, { type, name: { S: `tool-${row.name.S} ${nonce}` }, at: { N: String(Date.now()) } }]
}

/** About a kilobyte, as tools that are written with care have it. */
const USUAL = {
  name: 'search-orders',
  title: 'Search orders',
  description:
    'Searches the orders of a customer by status, date and product, newest first. Returns at most fifty at a time, with a token for the next ones.',
  lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:hello',
  inputSchema: {
    type: 'object',
    properties: {
      customerId: { type: 'string', description: 'Id of the customer, as in the customer service' },
      status: { type: 'string', enum: ['open', 'paid', 'shipped', 'returned', 'cancelled'] },
      from: { type: 'string', format: 'date', description: 'First day of the orders searched for' },
      to: { type: 'string', format: 'date', description: 'Last day of the orders searched for' },
      products: {
        type: 'array',
        items: { type: 'string' },
        description: 'SKUs, any of which is in it',
      },
      minimum: {
        type: 'number',
        minimum: 0,
        description: 'Least total, in the currency of the shop',
      },
      limit: { type: 'integer', minimum: 1, maximum: 50, default: 20 },
      next: { type: 'string', description: 'The token of the answer before' },
    },
    required: ['customerId'],
    additionalProperties: false,
  },
}
