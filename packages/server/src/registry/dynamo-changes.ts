import { randomUUID } from 'node:crypto'

import type { RegistrationType } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { DynamoDb } from '../dynamodb/dynamodb.ts'
import type { Change, Key } from './registry.ts'
import { type Row, toKey } from './row.ts'

/**
 * The latest changes of registrations, so that a reader reads the changed rows only:
 *
 *     type      name              changed         expiresAt
 *     #change   <time>#<uuid>     tool example    seconds since 1970
 *
 * A row is written before the change itself. A change that was not counted is found by it too.
 * `<time>` is in milliseconds since 1970, by the clock of the writer.
 */
export function dynamoChanges(dynamo: DynamoDb, table: string) {
  return {
    async record({ type, name }: Key): Promise<void> {
      const now = Date.now()
      await dynamo.putItem({
        TableName: table,
        Item: {
          ...toKey({ type: TYPE, name: `${padded(now)}#${randomUUID()}` }),
          changed: { S: `${type} ${name}` },
          expiresAt: { N: String(Math.ceil(now / 1000) + KEEP_SECONDS) },
        },
      })
    },
    async changesSince(time: number): Promise<Change[] | undefined> {
      const { Items = [], LastEvaluatedKey } = await dynamo.query({
        TableName: table,
        KeyConditionExpression: '#type = :type AND #name > :time',
        ExpressionAttributeNames: { '#type': 'type', '#name': 'name' },
        ExpressionAttributeValues: { ':type': { S: TYPE }, ':time': { S: padded(time) } },
        ConsistentRead: true,
        Limit: MAX_CHANGES,
      })
      return LastEvaluatedKey ? undefined : Items.flatMap(toChange)
    },
  }
}

const TYPE = '#change'
/** With more changes, reading all registrations is the simpler way. */
const MAX_CHANGES = 100
/** Longer than a reader looks back: `MAX_BEHIND_MS` in cached.ts. */
const KEEP_SECONDS = 60 * 60

const padded = (time: number) => String(Math.max(0, Math.floor(time))).padStart(15, '0')

function toChange({ name, changed }: Row): Change[] {
  const text = changed?.S ?? ''
  const space = text.indexOf(' ')
  if (!name?.S || space < 0) return []
  const type = text.slice(0, space) as RegistrationType
  return [{ id: name.S, key: { type, name: text.slice(space + 1) } }]
}
