import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

/** What every environment has to know of a client that introduced itself to one of them. */
export interface Introduction {
  id: string
  /** `Caller.owner`; for anyone else the session does not exist. */
  owner: string
  /** The params of its `initialize`, as JSON. */
  initialize: string
  logLevel?: string | undefined
}

/** The sessions of Streamable HTTP up to revision 2025-11-25. One that is not used is forgotten after an hour. */
export interface Sessions {
  create(introduction: Introduction): Promise<void>
  /** Undefined when it is unknown, over, or somebody else's. */
  get(id: string, owner: string): Promise<Introduction | undefined>
  setLogLevel(id: string, level: string): Promise<void>
  remove(id: string): Promise<void>
}

const KEEP_SECONDS = 60 * 60

/** In the Session table, beside the streams; see dynamo.ts. Its channel is `mcp#<id>`. */
export function dynamoSessions(dynamo: DynamoDBClient, table: string): Sessions {
  return {
    async create({ id, owner, initialize }) {
      await dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            ...key(id),
            owner: { S: owner },
            initialize: { S: initialize },
            expiresAt: { N: String(nowSeconds() + KEEP_SECONDS) },
          },
        }),
      )
    },
    async get(id, owner) {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: key(id), ConsistentRead: true }),
      )
      const left = Number(Item?.['expiresAt']?.N) - nowSeconds()
      const initialize = Item?.['initialize']?.S
      if (!(left > 0) || !initialize || Item?.['owner']?.S !== owner) return undefined
      if (left < KEEP_SECONDS / 2) await extend(id)
      return { id, owner, initialize, logLevel: Item['logLevel']?.S }
    },
    async setLogLevel(id, level) {
      await change(id, 'SET logLevel = :value', { S: level })
    },
    async remove(id) {
      await dynamo.send(new DeleteItemCommand({ TableName: table, Key: key(id) }))
    },
  }

  async function extend(id: string) {
    await change(id, 'SET expiresAt = :value', { N: String(nowSeconds() + KEEP_SECONDS) })
  }

  /** Never brings a session back that was removed meanwhile. */
  async function change(id: string, expression: string, value: { S: string } | { N: string }) {
    try {
      await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key(id),
          UpdateExpression: expression,
          ConditionExpression: 'attribute_exists(channel)',
          ExpressionAttributeValues: { ':value': value },
        }),
      )
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error
    }
  }
}

const key = (id: string) => ({ channel: { S: `mcp#${id}` }, position: { S: 'session' } })
const nowSeconds = () => Math.floor(Date.now() / 1000)
