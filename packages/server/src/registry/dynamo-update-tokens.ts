import { createHash, randomUUID } from 'node:crypto'

import type { DynamoDb } from '../dynamodb/dynamodb.ts'

import { retry } from '../retry.ts'
import type { Registry } from './registry.ts'
import { type Row, toKey, VERSION_ROW } from './row.ts'

/**
 * Update tokens in the Registration table. They are there because the gateway reads it and the
 * registration function can write to no other table:
 *
 *     type         name                    mark               expiresAt
 *     #announced   <SHA-256 of the URI>    <update token>     seconds since 1970
 *
 * The row is written before the counter goes up: a reader that sees the new count finds the row. A
 * URI is hashed because it may be longer than a sort key (1,024 bytes).
 */
export function dynamoUpdateTokens(
  dynamo: DynamoDb,
  table: string,
): Pick<Registry, 'announceUpdate' | 'updateTokens'> {
  return {
    async announceUpdate(uri) {
      const mark = { S: randomUUID() }
      const expiresAt = { N: String(now() + DAY_SECONDS) }
      await dynamo.putItem({ TableName: table, Item: { ...keyOf(uri), mark, expiresAt } })
      // Readers find a resource update by the counter only, so an update that is not counted has
      // failed.
      await dynamo.updateItem({
        TableName: table,
        Key: VERSION_ROW,
        UpdateExpression: 'ADD announcements :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      })
    },
    async updateTokens(uris) {
      // DynamoDB refuses a batch that has a key twice.
      const keys = new Map(uris.map(uri => [hashOf(uri), keyOf(uri)]))
      const rows = await Promise.all(batches([...keys.values()]).map(readBatch))
      const tokens = new Map(rows.flat().flatMap(tokenIn))
      return new Map(
        uris.flatMap(uri => {
          const token = tokens.get(hashOf(uri))
          return token === undefined ? [] : [[uri, token]]
        }),
      )
    },
  }

  /** Reads again what DynamoDB returns as unprocessed, which it does when it throttles. */
  async function readBatch(keys: Row[]): Promise<Row[]> {
    const rows: Row[] = []
    let left = keys
    await retry(async () => {
      const { Responses, UnprocessedKeys } = await dynamo.batchGetItem({
        RequestItems: { [table]: { Keys: left, ConsistentRead: true } },
      })
      rows.push(...(Responses?.[table] ?? []))
      left = UnprocessedKeys?.[table]?.Keys ?? []
      if (left.length > 0) throw new UnprocessedError(left.length)
    }, pauseAfter)
    return rows
  }
}

class UnprocessedError extends Error {
  override readonly name = 'UnprocessedError'

  constructor(count: number) {
    super(`DynamoDB did not read ${count} update tokens after ${ATTEMPTS} attempts`)
  }
}

function pauseAfter(error: unknown, failures: number): number | undefined {
  if (!(error instanceof UnprocessedError) || failures === ATTEMPTS) return undefined
  return Math.random() * BASE_MS * 2 ** failures
}

/** Streams compare tokens and none lasts longer than 15 minutes, so a day is long enough. */
const DAY_SECONDS = 24 * 60 * 60
/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
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

/** Expired rows count as absent: DynamoDB may take days to delete them. */
function tokenIn({ name, mark, expiresAt }: Row): [hash: string, token: string][] {
  return name?.S && mark?.S && Number(expiresAt?.N) > now() ? [[name.S, mark.S]] : []
}
