import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import {
  type Registration,
  type RegistrationType,
  TYPES,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../http/errors.ts'
import { dynamoUpdateTokens } from './dynamo-update-tokens.ts'
import type { Key, Registry } from './registry.ts'
import { fromRow, REVISION, type Row, toKey, toRow } from './row.ts'

/**
 * The Registration table:
 *
 *     type         name       version   registration
 *     tool         example    3         {"id":"tool-example","type":"tool", …}
 *     #catalogue   revision             changes (a counter), announcements (another)
 *     #announced   …                    see announcements.ts
 *
 * The counter of changes goes up after a write, never before: a reader that saw it go up finds the write. A writer
 * that dies between the two leaves a change that the counter does not tell of, and no order of two writes
 * (without a transaction, at twice the price) helps there; so readers read everything again now and then
 * whatever the counter says, and a change is never hidden for longer than that.
 */
export function dynamoRegistry(dynamo: DynamoDBClient, table: string): Registry {
  const reported = new Set<string>()

  return {
    async get(key) {
      const row = await rowOf(toKey(key))
      return row && parse(row)
    },
    create(registration) {
      return put(registration, NEW)
    },
    replace(registration, version) {
      return put(registration, UNCHANGED, version)
    },
    remove,
    async *list({ type, after } = {}) {
      const types = after ? TYPES.slice(TYPES.indexOf(after.type)) : TYPES
      for (const each of types)
        if (each === (type ?? each))
          yield* listType(each, after?.type === each ? after.name : undefined)
    },
    async version() {
      // Consistent, so that whoever registered something finds it with the next request.
      const { changes, announcements } = (await rowOf(REVISION)) ?? {}
      return { registrations: changes?.N ?? '0', updates: announcements?.N ?? '0' }
    },
    ...dynamoUpdateTokens(dynamo, table),
  }

  async function rowOf(key: Row): Promise<Row | undefined> {
    const { Item } = await dynamo.send(
      new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }),
    )
    return Item
  }

  function put(registration: Registration, expression: string, version?: number) {
    const row = toRow(registration)
    return written(
      dynamo.send(
        new PutItemCommand({ TableName: table, Item: row, ...condition(expression, version) }),
      ),
      async () => (await rowOf(toKey(registration)))?.['registration']?.S === row.registration.S,
    )
  }

  function remove(key: Key, version: number) {
    return written(
      dynamo.send(
        new DeleteItemCommand({
          TableName: table,
          Key: toKey(key),
          ...condition(UNCHANGED, version),
        }),
      ),
      async () => (await rowOf(toKey(key))) === undefined,
    )
  }

  /** Whether the write went through; the revision follows. */
  async function written(write: Promise<unknown>, isDone: () => Promise<boolean>) {
    try {
      await write
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error
      // The SDK repeats a write whose answer was lost; then the first one may be what is in the way.
      const repeated = (error.$metadata.attempts ?? 1) > 1
      if (!repeated || !(await isDone())) return false
    }
    await bumpRevision()
    return true
  }

  async function bumpRevision() {
    try {
      await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: REVISION,
          UpdateExpression: 'ADD changes :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
        }),
      )
    } catch (error) {
      // The write itself stands, and is seen with the next full reading.
      console.warn(
        JSON.stringify({ message: 'a change is seen late', table, error: describe(error) }),
      )
    }
  }

  async function* listType(type: RegistrationType, after = ''): AsyncGenerator<Registration> {
    let from: Row | undefined
    do {
      const { Items = [], LastEvaluatedKey } = await dynamo.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: after ? '#type = :type and #name > :after' : '#type = :type',
          ExpressionAttributeNames: { '#type': 'type', ...(after && { '#name': 'name' }) },
          ExpressionAttributeValues: {
            ':type': { S: type },
            ...(after && { ':after': { S: after } }),
          },
          // A reader that knows the new revision must not be given the old registrations.
          ConsistentRead: true,
          ExclusiveStartKey: from,
        }),
      )
      for (const row of Items) {
        const registration = parse(row)
        if (registration) yield registration
      }
      from = LastEvaluatedKey
    } while (from)
  }

  /** Undefined for a row that holds no registration, with one line in the log for each of its versions. */
  function parse(row: Row): Registration | undefined {
    try {
      return fromRow(row)
    } catch (error) {
      const place = `${row['type']?.S}/${row['name']?.S}@${row['version']?.N}`
      if (!reported.has(place))
        console.warn(
          JSON.stringify({
            message: 'a row of the registration table is left out',
            table,
            row: place,
            reason: (error as Error).message,
          }),
        )
      reported.add(place)
      return undefined
    }
  }
}

/** Hand-made rows without the attribute count as none, so that the API can put a right one there. */
const NEW = 'attribute_not_exists(registration)'
const UNCHANGED = 'version = :version'

const condition = (expression: string, version?: number) => ({
  ConditionExpression: expression,
  ...(version === undefined
    ? {}
    : { ExpressionAttributeValues: { ':version': { N: String(version) } } }),
})
