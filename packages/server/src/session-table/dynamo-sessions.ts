import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

import { MAX_SUBSCRIPTIONS, type McpSessions } from './sessions.ts'
import { expiry, type Item, key, nowSeconds } from './table.ts'

const KEEP_SECONDS = 60 * 60

/**
 * In the Session table, beside the streams; see dynamo.ts.
 *
 *     channel    position
 *     mcp#<id>   session           owner, initialize, …, expiresAt (an hour from when it was last used)
 *     mcp#<id>   cancelled#<id>    a request of the client, as JSON
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
      const left = Number(Item?.['expiresAt']?.N) - nowSeconds()
      if (!Item || !(left > 0) || Item['owner']?.S !== owner) return undefined
      if (left < KEEP_SECONDS / 2)
        await change(id, 'SET expiresAt = :later', { ':later': inAnHour() })
      return { id, owner, ...toSession(Item) }
    },
    async setLogLevel(id, level) {
      await change(id, 'SET logLevel = :level', { ':level': { S: level } })
    },
    subscribe: (id, uri, mark) =>
      change(
        id,
        'SET subscriptions.#uri = :mark',
        { ':mark': { S: mark }, ':max': { N: String(MAX_SUBSCRIPTIONS) } },
        { '#uri': uri },
        'size(subscriptions) < :max OR attribute_exists(subscriptions.#uri)',
      ),
    async unsubscribe(id, uri) {
      await change(id, 'REMOVE subscriptions.#uri', undefined, { '#uri': uri })
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

  /** False where a condition is not met. Never brings a session back that was removed meanwhile. */
  async function change(
    id: string,
    expression: string,
    values: Item | undefined,
    names?: Record<string, string>,
    condition = '',
  ): Promise<boolean> {
    try {
      await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key(channelOf(id), SESSION),
          UpdateExpression: expression,
          ConditionExpression: `attribute_exists(channel)${condition && ` AND (${condition})`}`,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      )
      return true
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false
      throw error
    }
  }
}

function toSession(item: Item) {
  const subscriptions = Object.entries(item['subscriptions']?.M ?? {})
  return {
    initialize: item['initialize']?.S ?? '{}',
    protocolVersion: item['protocolVersion']?.S ?? '',
    registrations: item['registrations']?.S ?? '',
    logLevel: item['logLevel']?.S,
    subscriptions: new Map(subscriptions.map(([uri, mark]) => [uri, mark.S ?? ''])),
  }
}

const SESSION = 'session'
const CANCELLED = 'cancelled#'

const channelOf = (id: string) => `mcp#${id}`
const inAnHour = () => ({ N: String(nowSeconds() + KEEP_SECONDS) })
