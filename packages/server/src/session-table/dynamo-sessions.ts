import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

import { MAX_SUBSCRIPTIONS, type McpSessions } from './sessions.ts'
import { expiry, type Item, ifConditionHolds, key, nowSeconds } from './table.ts'

/** A session expires this long after its last use. */
const KEEP_SECONDS = 60 * 60

/**
 * MCP sessions in the Session table, beside the streams (dynamo-relay.ts, dynamo-event-store.ts):
 *
 *     channel    position            attributes
 *     mcp#<id>   session             owner, initialize, …, expiresAt
 *     mcp#<id>   cancelled#<id>      none; the id of a cancelled request is JSON
 */
export function dynamoMcpSessions(dynamo: DynamoDBClient, table: string): McpSessions {
  return {
    async create({ id, owner, initialize, protocolVersion, registrations }) {
      await dynamo.send(
        new PutItemCommand({
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
        }),
      )
    },
    async get(id, owner) {
      const { Item } = await dynamo.send(
        new GetItemCommand({
          TableName: table,
          Key: key(channelOf(id), SESSION),
          ConsistentRead: true,
        }),
      )
      const secondsLeft = Number(Item?.['expiresAt']?.N) - nowSeconds()
      if (!Item || !(secondsLeft > 0) || Item['owner']?.S !== owner) return undefined
      if (secondsLeft < KEEP_SECONDS / 2)
        await update(id, 'SET expiresAt = :later', { ':later': inAnHour() })
      return { id, owner, ...toSession(Item) }
    },
    async setLogLevel(id, level) {
      await update(id, 'SET logLevel = :level', { ':level': { S: level } })
    },
    subscribe: (id, uri, updateToken) =>
      update(
        id,
        'SET subscriptions.#uri = :token',
        { ':token': { S: updateToken }, ':max': { N: String(MAX_SUBSCRIPTIONS) } },
        { '#uri': uri },
        'size(subscriptions) < :max OR attribute_exists(subscriptions.#uri)',
      ),
    async unsubscribe(id, uri) {
      await update(id, 'REMOVE subscriptions.#uri', undefined, { '#uri': uri })
    },
    async cancel(id, requestId) {
      const text = JSON.stringify(requestId)
      await dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: { ...key(channelOf(id), CANCELLED + text), ...expiry() },
        }),
      )
    },
    async cancelled(id) {
      const { Items = [] } = await dynamo.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'channel = :channel AND begins_with(#position, :cancelled)',
          ExpressionAttributeNames: { '#position': 'position' },
          ExpressionAttributeValues: {
            ':channel': { S: channelOf(id) },
            ':cancelled': { S: CANCELLED },
          },
        }),
      )
      return Items.map(item => JSON.parse(item['position']?.S?.slice(CANCELLED.length) ?? ''))
    },
    async remove(id) {
      await dynamo.send(
        new DeleteItemCommand({ TableName: table, Key: key(channelOf(id), SESSION) }),
      )
    },
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
      dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key(channelOf(id), SESSION),
          UpdateExpression: expression,
          ConditionExpression: `attribute_exists(channel)${condition && ` AND (${condition})`}`,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      ),
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
  }
}

const SESSION = 'session'
const CANCELLED = 'cancelled#'

const channelOf = (id: string) => `mcp#${id}`
const inAnHour = () => ({ N: String(nowSeconds() + KEEP_SECONDS) })
