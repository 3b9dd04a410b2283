import type { RequestId } from '@modelcontextprotocol/server'
import type { DynamoDb, Item } from '../dynamodb/dynamodb.ts'

import { MAX_SUBSCRIPTION_BYTES, MAX_SUBSCRIPTIONS } from '../subscription-limits.ts'
import { type McpSessions, type RequestInFlight, requestKey } from './sessions.ts'
import { expiry, ifConditionHolds, key, nowSeconds } from './table.ts'

/** A session expires this long after its last use. */
const KEEP_SECONDS = 60 * 60

/**
 * MCP sessions in the Session table, beside the streams (dynamo-relay.ts, dynamo-event-store.ts):
 *
 *     channel    position            attributes
 *     mcp#<id>   session             owner, initialize, …, expiresAt, inFlight#<request key>
 *     mcp#<id>   cancelled#<key>     at: when the request with this key was cancelled
 */
export function dynamoMcpSessions(dynamo: DynamoDb, table: string): McpSessions {
  return {
    async create({ id, owner, initialize, protocolVersion, registrations }) {
      await dynamo.putItem({
        TableName: table,
        Item: {
          ...key(channelOf(id), SESSION),
          owner: { S: owner },
          initialize: { S: initialize },
          protocolVersion: { S: protocolVersion },
          registrations: { S: registrations },
          subscriptions: { M: {} },
          expiresAt: inAnHour(),
        },
      })
    },
    async get(id, owner, { isConsistent = true } = {}) {
      const Item = await read(id, isConsistent)
      const secondsLeft = Number(Item?.['expiresAt']?.N) - nowSeconds()
      if (!Item || !(secondsLeft > 0) || Item['owner']?.S !== owner) return undefined
      if (secondsLeft < KEEP_SECONDS / 2)
        await update(id, 'SET expiresAt = :later', { ':later': inAnHour() })
      return { id, owner, ...toSession(Item) }
    },
    async setLogLevel(id, level) {
      await update(id, 'SET logLevel = :level', { ':level': { S: level } })
    },
    async subscribe(id, uri, updateToken) {
      const [names, token] = [{ '#uri': uri }, { S: updateToken }]
      const bytes = Buffer.byteLength(uri)
      const isNew = await update(
        id,
        `SET subscriptions.#uri = :token, ${BYTES} = if_not_exists(${BYTES}, :zero) + :bytes`,
        {
          ':token': token,
          ':bytes': { N: String(bytes) },
          ':max': { N: String(MAX_SUBSCRIPTIONS) },
          ':room': { N: String(MAX_SUBSCRIPTION_BYTES - bytes) },
          ':zero': { N: '0' },
        },
        names,
        'attribute_not_exists(subscriptions.#uri) AND size(subscriptions) < :max' +
          ` AND (${BYTES} <= :room OR (attribute_not_exists(${BYTES}) AND :room >= :zero))`,
      )
      const isKnown = 'attribute_exists(subscriptions.#uri)'
      const SET = 'SET subscriptions.#uri = :token'
      return isNew || update(id, SET, { ':token': token }, names, isKnown)
    },
    async unsubscribe(id, uri) {
      await update(
        id,
        `SET ${BYTES} = ${BYTES} - :bytes REMOVE subscriptions.#uri`,
        { ':bytes': { N: String(Buffer.byteLength(uri)) } },
        { '#uri': uri },
        'attribute_exists(subscriptions.#uri)',
      )
    },
    async begin(id, requests, inFlight) {
      const { names, aliases } = inFlightNames(requests)
      const begun = await update(
        id,
        `SET ${aliases.map(it => `${it} = :inFlight`).join(', ')}`,
        { ':inFlight': toAttribute(inFlight) },
        names,
        aliases.map(it => `attribute_not_exists(${it})`).join(' AND '),
      )
      if (begun) return true
      // The session may be gone. Or the write was repeated after a lost response.
      const current = inFlightIn((await read(id)) ?? {})
      const streams = requests.flatMap(it => current.get(requestKey(it))?.stream ?? [])
      return streams.every(it => it === inFlight.stream)
    },
    async finish(id, requests, inFlight) {
      const { names, aliases } = inFlightNames(requests)
      await update(
        id,
        `REMOVE ${aliases.join(', ')}`,
        { ':inFlight': toAttribute(inFlight) },
        names,
        aliases.map(it => `${it} = :inFlight`).join(' AND '),
      )
    },
    async cancel(id, requestId, at) {
      await dynamo.putItem({
        TableName: table,
        Item: {
          ...key(channelOf(id), CANCELLED + requestKey(requestId)),
          at: { N: String(at) },
          ...expiry(),
        },
      })
    },
    async cancelled(id) {
      const { Items = [] } = await dynamo.query({
        TableName: table,
        KeyConditionExpression: 'channel = :channel AND begins_with(#position, :cancelled)',
        ExpressionAttributeNames: { '#position': 'position' },
        ExpressionAttributeValues: {
          ':channel': { S: channelOf(id) },
          ':cancelled': { S: CANCELLED },
        },
      })
      return new Map(
        Items.map(item => [
          item['position']?.S?.slice(CANCELLED.length) ?? '',
          Number(item['at']?.N),
        ]),
      )
    },
    probe: id => update(id, 'SET probedAt = :now', { ':now': { N: String(Date.now()) } }),
    async remove(id) {
      await dynamo.deleteItem({ TableName: table, Key: key(channelOf(id), SESSION) })
    },
  }

  async function read(id: string, isConsistent = true): Promise<Item | undefined> {
    const { Item } = await dynamo.getItem({
      TableName: table,
      Key: key(channelOf(id), SESSION),
      ConsistentRead: isConsistent,
    })
    return Item
  }

  /** False where the condition is not met. Never creates a session that was removed meanwhile. */
  async function update(
    id: string,
    expression: string,
    values: Item | undefined,
    names?: Record<string, string>,
    condition = '',
  ): Promise<boolean> {
    const updated = await ifConditionHolds(
      dynamo.updateItem({
        TableName: table,
        Key: key(channelOf(id), SESSION),
        UpdateExpression: expression,
        ConditionExpression: `attribute_exists(channel)${condition && ` AND (${condition})`}`,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
      }),
    )
    return updated !== undefined
  }
}

function toSession(item: Item) {
  const subscriptions = Object.entries(item['subscriptions']?.M ?? {})
  return {
    initialize: item['initialize']?.S ?? '{}',
    protocolVersion: item['protocolVersion']?.S ?? '',
    registrations: item['registrations']?.S ?? '',
    logLevel: item['logLevel']?.S,
    subscriptions: new Map(subscriptions.map(([uri, token]) => [uri, token.S ?? ''])),
    inFlight: inFlightIn(item),
    ...(item['probedAt']?.N && { probedAt: Number(item['probedAt'].N) }),
  }
}

/** `<stream> <startedAt> <until>` in an attribute for each request. */
const toAttribute = ({ stream, startedAt, until }: RequestInFlight) => ({
  S: `${stream} ${startedAt} ${until}`,
})

function inFlightIn(item: Item): Map<string, RequestInFlight> {
  const found = new Map<string, RequestInFlight>()
  for (const [name, { S = '' }] of Object.entries(item)) {
    if (!name.startsWith(IN_FLIGHT)) continue
    const [stream = '', startedAt, until] = S.split(' ')
    const inFlight = { stream, startedAt: Number(startedAt), until: Number(until) }
    found.set(name.slice(IN_FLIGHT.length), inFlight)
  }
  return found
}

function inFlightNames(requests: RequestId[]) {
  const attributes = requests.map(id => IN_FLIGHT + requestKey(id))
  const aliases = attributes.map((_, n) => `#request${n}`)
  return { aliases, names: Object.fromEntries(aliases.map((it, n) => [it, attributes[n] ?? ''])) }
}

const SESSION = 'session'
const CANCELLED = 'cancelled#'
const IN_FLIGHT = 'inFlight#'
const BYTES = 'subscriptionBytes'

const channelOf = (id: string) => `mcp#${id}`
const inAnHour = () => ({ N: String(nowSeconds() + KEEP_SECONDS) })
