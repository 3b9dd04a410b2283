import {
  type AttributeValue,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

import { describe } from '../http/errors.ts'
import type { EventStore, EventWriter, RequestId, StoredEvents, StreamId } from './event-store.ts'
import { contents, expiry, type Item, key, nowSeconds, PART_BYTES, padded } from './table.ts'

/** Taken on before the sender has to wait for the table. */
const MAX_WAITING_BYTES = 1024 * 1024

const BEGUN = 'begun'
const OUT = 'out#'

/**
 * In the Session table, beside the sessions; see dynamo.ts.
 *
 *     channel                 position
 *     mcp#<session>#<stream>  begun              requests, aliveUntil, complete (once nothing can follow)
 *     mcp#<session>#<stream>  out#000000000003   messages up to the third, one JSON text per line
 *
 * While one item is written, what follows is gathered for the next: a function that writes a thousand lines does not
 * cost a thousand writes, and nobody waits for one.
 */
export function dynamoEventStore(
  dynamo: DynamoDBClient,
  table: string,
  leaseSeconds: number,
): EventStore {
  const { toAttributes, textOf } = contents(dynamo, table)
  const alive = () => ({ aliveUntil: { N: String(nowSeconds() + leaseSeconds) } })

  return {
    open: (answer, requests) => eventWriter(channelOf(answer), requests),
    async read(answer, after) {
      const channel = channelOf(answer)
      // Asked first: what is complete now has all its messages in the table.
      const { Item: begun } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: key(channel, BEGUN), ConsistentRead: true }),
      )
      if (!begun || !(Number(begun['expiresAt']?.N) > nowSeconds())) return undefined
      const { messages, isLast } = await page(channel, after)
      const requests = JSON.parse(begun['requests']?.S ?? '[]')
      return { messages, state: isLast ? stateOf(begun) : 'running', requests }
    },
  }

  function eventWriter(channel: string, requests: RequestId[]): EventWriter {
    let waiting: string[] = []
    let waitingBytes = 0
    let written = 0
    let writing: Promise<void> | undefined = begin().then(write)

    return {
      async add(message) {
        waiting.push(message)
        waitingBytes += Buffer.byteLength(message)
        writing ??= write()
        if (waitingBytes > MAX_WAITING_BYTES) await writing
      },
      renew: () =>
        update(channel, 'SET aliveUntil = :aliveUntil, expiresAt = :expiresAt', {
          ':aliveUntil': alive().aliveUntil,
          ':expiresAt': expiry().expiresAt,
        }),
      async close() {
        await writing
        await update(channel, 'SET complete = :true', { ':true': { BOOL: true } })
      },
    }

    async function write() {
      while (waiting.length > 0) await unlessFailing(put(batch()))
      writing = undefined
    }

    async function begin() {
      const Item = { requests: { S: JSON.stringify(requests) }, ...alive(), ...expiry() }
      await unlessFailing(
        dynamo.send(
          new PutItemCommand({ TableName: table, Item: { ...key(channel, BEGUN), ...Item } }),
        ),
      )
    }

    /** As many as one item holds, and at least one. */
    function batch(): string[] {
      let bytes = 0
      const end = waiting.findIndex((message, n) => {
        bytes += Buffer.byteLength(message) + 1
        return n > 0 && bytes > PART_BYTES
      })
      const taken = end < 0 ? waiting : waiting.slice(0, end)
      waiting = waiting.slice(taken.length)
      waitingBytes = end < 0 ? 0 : waiting.reduce((sum, it) => sum + Buffer.byteLength(it), 0)
      return taken
    }

    async function put(messages: string[]) {
      written += messages.length
      const content = await toAttributes(channel, Buffer.from(messages.join('\n')))
      await dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            ...key(channel, OUT + padded(written)),
            ...content,
            ...expiry(),
          },
        }),
      )
    }
  }

  async function update(
    channel: string,
    expression: string,
    values: Record<string, AttributeValue>,
  ) {
    await unlessFailing(
      dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key(channel, BEGUN),
          UpdateExpression: expression,
          ExpressionAttributeValues: values,
        }),
      ),
    )
  }

  async function page(channel: string, after: number) {
    const { Items = [], LastEvaluatedKey } = await dynamo.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'channel = :channel AND #position BETWEEN :from AND :end',
        ExpressionAttributeNames: { '#position': 'position' },
        ExpressionAttributeValues: {
          ':channel': { S: channel },
          ':from': { S: OUT + padded(after + 1) },
          ':end': { S: `${OUT}~` },
        },
        ConsistentRead: true,
      }),
    )
    const messages: StoredEvents['messages'] = []
    for (const item of Items) {
      const texts = (await textOf(item)).split('\n')
      const first = Number(item['position']?.S?.slice(OUT.length)) - texts.length + 1
      for (const [n, message] of texts.entries())
        if (first + n > after) messages.push({ sequence: first + n, message })
    }
    return { messages, isLast: LastEvaluatedKey === undefined }
  }
}

/** The client that listens gets its messages all the same; one that resumes is told that some are missing. */
async function unlessFailing(writing: Promise<unknown>) {
  try {
    await writing
  } catch (error) {
    console.warn(JSON.stringify({ message: 'messages not kept', error: describe(error) }))
  }
}

function stateOf(begun: Item): StoredEvents['state'] {
  if (begun['complete']?.BOOL) return 'complete'
  return Number(begun['aliveUntil']?.N) > nowSeconds() ? 'running' : 'lost'
}

const channelOf = ({ session, stream }: StreamId) => `mcp#${session}#${stream}`
