import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  type DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

import type { Registry } from './registry.ts'
import { REVISION, type Row, toKey } from './row.ts'

/**
 * The announced URIs, in the Registration table because the gateway reads that and no registration function
 * writes elsewhere:
 *
 *     type         name                    mark     expiresAt
 *     #announced   <SHA-256 of the URI>    <uuid>   seconds since 1970
 *
 * The row is written first and counted then, so that a reader who sees the counter go up finds the row. A URI
 * is hashed since the sort key holds 1,024 bytes, of which a URI may have more.
 */
export function dynamoUpdateTokens(
  dynamo: DynamoDBClient,
  table: string,
): Pick<Registry, 'announceUpdate' | 'updateTokens'> {
  return {
    async announceUpdate(uri) {
      const mark = { S: randomUUID() }
      const expiresAt = { N: String(now() + DAY_SECONDS) }
      await dynamo.send(
        new PutItemCommand({ TableName: table, Item: { ...keyOf(uri), mark, expiresAt } }),
      )
      // Unlike a registration, which is read again now and then, nobody would find this one uncounted: it fails.
      await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: REVISION,
          UpdateExpression: 'ADD announcements :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
        }),
      )
    },
    async updateTokens(uris) {
      // DynamoDB refuses a batch that names a key twice.
      const keys = new Map(uris.map(uri => [hashOf(uri), keyOf(uri)]))
      const rows = await Promise.all(batches([...keys.values()]).map(read))
      const marks = new Map(rows.flat().flatMap(markIn))
      return new Map(
        uris.flatMap(uri => {
          const mark = marks.get(hashOf(uri))
          return mark === undefined ? [] : [[uri, mark]]
        }),
      )
    },
  }

  async function read(keys: Row[]): Promise<Row[]> {
    const rows: Row[] = []
    let left: Row[] | undefined = keys
    for (let attempt = 0; left?.length; attempt++) {
      if (attempt === ATTEMPTS) throw new Error(`${left.length} announcements stay unread`)
      if (attempt > 0) await sleep(Math.random() * BASE_MS * 2 ** attempt)
      const { Responses, UnprocessedKeys }: BatchGetItemCommandOutput = await dynamo.send(
        new BatchGetItemCommand({
          RequestItems: { [table]: { Keys: left, ConsistentRead: true } },
        }),
      )
      rows.push(...(Responses?.[table] ?? []))
      left = UnprocessedKeys?.[table]?.Keys
    }
    return rows
  }
}

/** Long enough for every stream of the day before to have heard of it; none lasts longer than 15 minutes. */
const DAY_SECONDS = 24 * 60 * 60
/** What BatchGetItem takes. */
const BATCH = 100
const ATTEMPTS = 5
const BASE_MS = 50

const now = () => Math.floor(Date.now() / 1000)

const hashOf = (uri: string) => createHash('sha256').update(uri).digest('base64url')
const keyOf = (uri: string): Row => toKey({ type: '#announced', name: hashOf(uri) })

const batches = (keys: Row[]) =>
  Array.from({ length: Math.ceil(keys.length / BATCH) }, (_, n) =>
    keys.slice(n * BATCH, (n + 1) * BATCH),
  )

/** None of a row that has expired: DynamoDB may take days to delete it. */
function markIn({ name, mark, expiresAt }: Row): [hash: string, mark: string][] {
  return name?.S && mark?.S && Number(expiresAt?.N) > now() ? [[name.S, mark.S]] : []
}
