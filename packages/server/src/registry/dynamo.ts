import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import {
  parseLambdaArn,
  type Registration,
  type RegistrationType,
  registrationId,
  TYPES,
} from '@markvp/mcp-lambda-sam-admin-client/contract'

import { describe } from '../errors.ts'
import type { Key, Registry } from './registry.ts'

/**
 * The Registration table:
 *
 *     type         name       version   registration
 *     tool         example    3         {"id":"tool-example","type":"tool", …}
 *     #catalogue   revision             changes (a counter)
 *
 * A registration is kept as its JSON text. As a map, DynamoDB would forget the order of a schema's
 * properties, which clients show, and refuse a schema of more than 32 levels.
 *
 * The counter goes up after a write, never before: a reader that saw it go up finds the write. A writer
 * that dies between the two leaves a change that the counter does not tell of, and no order of two writes
 * (without a transaction, at twice the price) helps there; so readers read everything again now and then
 * whatever the counter says, and a change is never hidden for longer than that.
 */
export function dynamoRegistry(dynamo: DynamoDBClient, table: string): Registry {
  const reported = new Set<string>()

  return {
    async get(key) {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: toKey(key), ConsistentRead: true }),
      )
      return Item && parse(Item)
    },
    create(registration) {
      return written(put(registration, NEW))
    },
    replace(registration, version) {
      return written(put(registration, UNCHANGED, version))
    },
    remove(key, version) {
      return written(
        dynamo.send(
          new DeleteItemCommand({
            TableName: table,
            Key: toKey(key),
            ...condition(UNCHANGED, version),
          }),
        ),
      )
    },
    async *list({ type, after } = {}) {
      const types = after ? TYPES.slice(TYPES.indexOf(after.type)) : TYPES
      for (const each of types)
        if (each === (type ?? each))
          yield* listType(each, after?.type === each ? after.name : undefined)
    },
    async revision() {
      const { Item } = await dynamo.send(
        // Consistent, so that whoever registered something finds it with the next request.
        new GetItemCommand({ TableName: table, Key: REVISION, ConsistentRead: true }),
      )
      return Item?.['changes']?.N ?? '0'
    },
  }

  async function* listType(type: RegistrationType, after = ''): AsyncGenerator<Registration> {
    let from: Record<string, AttributeValue> | undefined
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
      for (const item of Items) {
        const registration = parse(item)
        if (registration) yield registration
      }
      from = LastEvaluatedKey
    } while (from)
  }

  function put(registration: Registration, expression: string, version?: number) {
    return dynamo.send(
      new PutItemCommand({
        TableName: table,
        Item: {
          ...toKey(registration),
          version: { N: String(registration.version) },
          registration: { S: JSON.stringify(registration) },
        },
        ...condition(expression, version),
      }),
    )
  }

  /** Whether the write went through; the revision follows. */
  async function written(write: Promise<unknown>): Promise<boolean> {
    try {
      await write
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false
      throw error
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

  /** Undefined, and one line in the log, for a row that somebody wrote by hand and that is none. */
  function parse(item: Record<string, AttributeValue>): Registration | undefined {
    const [type, name, version] = [item['type']?.S, item['name']?.S, item['version']?.N]
    try {
      const registration = JSON.parse(item['registration']?.S ?? 'null')
      const fault = faultOf(registration)
      if (!fault && registration.type === type && registration.name === name) return registration
      throw new Error(fault ?? 'type and name are not those of the row')
    } catch (error) {
      const row = `${type}/${name}@${version}`
      if (!reported.has(row))
        console.warn(
          JSON.stringify({
            message: 'a row of the registration table is left out',
            table,
            row,
            reason: (error as Error).message,
          }),
        )
      reported.add(row)
      return undefined
    }
  }
}

/** Hand-made rows without the attribute count as none, so that the API can put a right one there. */
const NEW = 'attribute_not_exists(registration)'
const UNCHANGED = 'version = :version'

const REVISION = { type: { S: '#catalogue' }, name: { S: 'revision' } }

const toKey = ({ type, name }: Key) => ({ type: { S: type }, name: { S: name } })

const condition = (expression: string, version?: number) => ({
  ConditionExpression: expression,
  ...(version === undefined
    ? {}
    : { ExpressionAttributeValues: { ':version': { N: String(version) } } }),
})

/** What readers rely on and no more: a later version's registrations must pass, with fields unknown here. */
function faultOf(it: unknown): string | undefined {
  if (!isObject(it)) return 'the attribute "registration" is not a JSON object'
  const arn = parseLambdaArn(String(it['lambdaArn']))
  if (typeof arn === 'string') return `lambdaArn ${arn}`
  if (!Number.isSafeInteger(it['version'])) return 'version is not an integer'
  if (it['id'] !== registrationId(it['type'] as RegistrationType, String(it['name'])))
    return 'id is not <type>-<name>'
  if (it['type'] === 'tool' && !isObject(it['inputSchema'])) return 'inputSchema is missing'
  if (it['type'] === 'resource' && typeof (it['uri'] ?? it['uriTemplate']) !== 'string')
    return 'uri and uriTemplate are missing'
  return undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
