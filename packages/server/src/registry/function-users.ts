import {
  parseRegistrationId,
  type Registration,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { DynamoDb } from '../dynamodb/dynamodb.ts'
import type { functionRows } from './function-rows.ts'
import type { Key } from './registry.ts'
import { type Row, toKey, VERSION_ROW } from './row.ts'

export interface FunctionUsersOptions {
  dynamo: DynamoDb
  table: string
  rows: ReturnType<typeof functionRows>
  /** Undefined for a row without a valid registration. */
  parse(row: Row): Registration | undefined
  /** The rows of the registrations after this one, page by page. `limit` is that of a page. */
  pagesAfter(after: Key | undefined, limit?: number): AsyncIterable<Row[]>
}

/**
 * Whether registrations have a function. It reads the function's rows, and of each registration
 * that they name whether it has the function.
 *
 * Versions before these rows have written registrations without them. Their rows are written
 * late: a read that finds no registration goes through the registrations from where the last such
 * read stopped, and stores how far it got. When it is through, no later read does this again.
 *
 * Such a version may write again, after a rollback. The row of the registry version shows it:
 *
 *     changes    every change
 *     withRows   the changes that have written a function row
 *     rowsTo     without (changes), type, name: up to this registration no row is missing;
 *                up to the last one where there is no name
 *
 * A change is counted after it is written. A read that finds another number of changes without
 * rows than `rowsTo` has starts again at the first registration.
 */
export function functionUsers({ dynamo, table, rows, parse, pagesAfter }: FunctionUsersOptions) {
  return {
    async isUsed(lambdaArn: string): Promise<boolean> {
      for await (const row of rows.of(lambdaArn)) {
        if (await hasFunction(row.id, lambdaArn)) return true
        if (Date.now() - row.at > MAX_WRITE_MS) await rows.removeUnchanged(row)
      }
      return isUsedWithoutRow(lambdaArn)
    },
    async recordFunction(registration: Registration): Promise<void> {
      if (!(await rows.has(registration))) await rows.addLate(registration)
    },
  }

  async function hasFunction(id: string, lambdaArn: string): Promise<boolean> {
    const key = parseRegistrationId(id)
    const row = key && (await read(toKey(key)))
    return row !== undefined && parse(row)?.lambdaArn === lambdaArn
  }

  async function read(Key: Row): Promise<Row | undefined> {
    const { Item } = await dynamo.getItem({ TableName: table, Key, ConsistentRead: true })
    return Item
  }

  async function isUsedWithoutRow(lambdaArn: string): Promise<boolean> {
    const { changes, withRows, rowsTo } = (await read(VERSION_ROW)) ?? {}
    const without = { N: String(Number(changes?.N ?? 0) - Number(withRows?.N ?? 0)) }
    const before = rowsTo?.M?.['without']?.N === without.N ? rowsTo.M : undefined
    if (before && !before['name']) return false

    let isFound = false
    let reached = before
    let written = 0
    for await (const page of pagesAfter(before && keyIn(before), PAGE)) {
      const registrations = page.flatMap(row => {
        const it = parse(row)
        return it ? [{ it, hasRow: rowOfFunction(row) === it.lambdaArn }] : []
      })
      isFound ||= registrations.some(({ it }) => it.lambdaArn === lambdaArn)
      if (written >= MAX_WRITTEN) {
        if (isFound) break
        continue
      }
      const missing = registrations.filter(({ hasRow }) => !hasRow).map(({ it }) => it)
      for (let n = 0; n < missing.length; n += AT_ONCE)
        await Promise.all(missing.slice(n, n + AT_ONCE).map(rows.addLate))
      written += missing.length
      reached = page.at(-1) ?? reached
    }
    const isComplete = written < MAX_WRITTEN
    await store({ without, ...(!isComplete && reached && toKey(keyIn(reached))) })
    return isFound
  }

  async function store(rowsTo: Row) {
    await dynamo.updateItem({
      TableName: table,
      Key: VERSION_ROW,
      UpdateExpression: 'SET rowsTo = :to',
      ExpressionAttributeValues: { ':to': { M: rowsTo } },
    })
  }
}

/**
 * The registration function is stopped after 120 seconds, and clocks differ. A row that is older
 * belongs to a write that has ended.
 */
const MAX_WRITE_MS = 600_000

/** Registrations that are read at a time while rows are missing. */
const PAGE = 100
/** Rows that one read writes, and up to a page more: a second of a call that has thirty. */
const MAX_WRITTEN = 500
const AT_ONCE = 25

const rowOfFunction = ({ functionRow }: Row) => functionRow?.S?.split(' ')[0]

const keyIn = ({ type, name }: Row) => ({ type: type?.S as Key['type'], name: name?.S ?? '' })
