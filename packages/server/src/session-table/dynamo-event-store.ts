import type { RequestId } from '@modelcontextprotocol/server'
import type { DynamoDb, Item } from '../dynamodb/dynamodb.ts'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import type { Beginning, EventStore, EventWriter, StoredEvents, StreamId } from './event-store.ts'
import {
  expiry,
  KEEP_SECONDS,
  key,
  MissingPart,
  messageContent,
  nowSeconds,
  PART_BYTES,
  padded,
} from './table.ts'

/** Bytes of messages that may wait to be written before `add` waits for the table. */
const MAX_WAITING_BYTES = 1024 * 1024

/** A longer last message has an item of its own. */
const MAX_LAST_BYTES = 64 * 1024

/** Bytes of messages that one read returns, and at least one message. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024

/** Clocks of environments may differ by so much. */
const MAX_SKEW_SECONDS = 60

/** The position of a stream's head item. */
const HEAD = 'begun'
const OUT = 'out#'

/**
 * An event store in the Session table, beside the sessions (dynamo-relay.ts, dynamo-sessions.ts):
 *
 *     channel                 position           attributes
 *     mcp#<session>#<stream>  begun              requests, aliveUntil (the lease), complete,
 *                                                lastSequence and message: the last message
 *     mcp#<session>#<stream>  out#000000000003   messages up to the third, one JSON text per line
 *
 * While one item is being written, the messages that follow are collected for the next item. So a
 * thousand messages take a few writes, and the sender does not wait for each of them.
 *
 * A response without other messages, within the first lease, is one write: the head item, with the
 * response in it. Every write of the head sets some of its attributes, so their order is free.
 */
export function dynamoEventStore(
  dynamo: DynamoDb,
  table: string,
  leaseSeconds: number,
): EventStore {
  const { toAttributes, textOf, contentBytes } = messageContent(dynamo, table)
  const lease = () => ({ aliveUntil: { N: String(nowSeconds() + leaseSeconds) } })

  return {
    open: (stream, requests) => eventWriter(channelOf(stream), requests),
    async read(stream, after, beginning) {
      const channel = channelOf(stream)
      // The head is read first: a stream that is complete by then has all its messages in the
      // table.
      const { Item: head } = await dynamo.getItem({
        TableName: table,
        Key: key(channel, HEAD),
        ConsistentRead: true,
      })
      if (!head) return beginning && withoutHead(beginning)
      if (!(Number(head['expiresAt']?.N) > nowSeconds())) return undefined
      const { messages, isLast } = await readPage(channel, after)
      const lastSequence = Number(head['lastSequence']?.N)
      if (isLast && lastSequence > after)
        messages.push({ sequence: lastSequence, message: await textOf(head) })
      const requests = JSON.parse(head['requests']?.S ?? '[]')
      return { messages, state: isLast ? stateOf(head) : 'running', requests }
    },
  }

  /** The first lease of a stream begins with it, and its head is written before that lease ends. */
  function withoutHead({ startedAt, requests }: Beginning): StoredEvents | undefined {
    const age = nowSeconds() - startedAt
    // An older stream may have had a head that has expired.
    if (!(age >= -MAX_SKEW_SECONDS && age < KEEP_SECONDS)) return undefined
    return { messages: [], state: age < leaseSeconds ? 'running' : 'lost', requests }
  }

  function eventWriter(channel: string, requests: RequestId[]): EventWriter {
    let waiting: string[] = []
    let waitingBytes = 0
    let written = 0
    /** Whether all that waits gets written. Undefined while nothing waits. */
    let writing: Promise<boolean> | undefined
    /** Readers read the head first, so it is written before any message. */
    let head: Promise<void> | undefined

    return {
      async add(message) {
        waiting.push(message)
        waitingBytes += Buffer.byteLength(message)
        writing ??= writeWaiting()
        if (waitingBytes > MAX_WAITING_BYTES) await writing
      },
      async stored() {
        return (await writing) ?? true
      },
      renew,
      async close(last) {
        const isShort = last !== undefined && Buffer.byteLength(last) <= MAX_LAST_BYTES
        if (last !== undefined && !isShort) await this.add(last)
        await writing
        const complete = { complete: { BOOL: true } }
        if (!isShort) return setHead(complete)
        await setHead({
          ...complete,
          lastSequence: { N: String(written + 1) },
          message: { B: Buffer.from(last).toString('base64') },
        })
      },
    }

    function renew() {
      const renewed = setHead(lease())
      head ??= renewed
      return renewed
    }

    async function writeWaiting() {
      let isStored = true
      await (head ?? renew())
      while (waiting.length > 0) if (!(await logFailure(putMessages(takeBatch())))) isStored = false
      writing = undefined
      return isStored
    }

    /** Sets attributes of the head. The first write of it makes the item. */
    async function setHead(attributes: Item) {
      const all = { requests: { S: JSON.stringify(requests) }, ...expiry(), ...attributes }
      const names = Object.keys(all)
      await logFailure(
        dynamo.updateItem({
          TableName: table,
          Key: key(channel, HEAD),
          UpdateExpression: `SET ${names.map(it => `${it} = :${it}`).join(', ')}`,
          ExpressionAttributeValues: Object.fromEntries(
            Object.entries(all).map(([name, value]) => [`:${name}`, value]),
          ),
        }),
      )
    }

    /** Takes as many waiting messages as one item holds, and at least one. */
    function takeBatch(): string[] {
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

    async function putMessages(messages: string[]) {
      written += messages.length
      const content = await toAttributes(channel, Buffer.from(messages.join('\n')))
      await dynamo.putItem({
        TableName: table,
        Item: {
          ...key(channel, OUT + padded(written)),
          ...content,
          ...expiry(),
        },
      })
    }
  }

  /**
   * The next messages after a sequence number, until they have `MAX_PAGE_BYTES`, and at least one
   * where there is one.
   */
  async function readPage(channel: string, after: number) {
    const messages: StoredEvents['messages'] = []
    let pageBytes = 0
    let last: Item | undefined
    do {
      const { Items = [], LastEvaluatedKey } = await dynamo.query({
        TableName: table,
        KeyConditionExpression: 'channel = :channel AND #position BETWEEN :from AND :end',
        ExpressionAttributeNames: { '#position': 'position' },
        ExpressionAttributeValues: {
          ':channel': { S: channel },
          ':from': { S: OUT + padded(after + 1) },
          ':end': { S: `${OUT}~` },
        },
        ConsistentRead: true,
        ExclusiveStartKey: last,
      })
      for (const item of Items) {
        const bytes = contentBytes(item)
        if (messages.length > 0 && pageBytes + bytes > MAX_PAGE_BYTES)
          return { messages, isLast: false }
        const text = await textOf(item).catch(ignoreLoss)
        if (text === undefined) continue
        const texts = text.split('\n')
        pageBytes += bytes
        const first = Number(item['position']?.S?.slice(OUT.length)) - texts.length + 1
        for (const [n, message] of texts.entries())
          if (first + n > after) messages.push({ sequence: first + n, message })
      }
      last = LastEvaluatedKey
    } while (last && messages.length === 0)
    return { messages, isLast: last === undefined }
  }
}

/**
 * A failed write does not fail the response: a connected client gets its messages directly. A
 * client that resumes the stream is told which requests have no stored response. Resolves to false
 * then.
 */
async function logFailure(write: Promise<unknown>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    log.warn('event store: messages were not stored', { error: describe(error) })
    return false
  }
}

/** What is lost is not returned. Its reader is told which requests have no stored response. */
function ignoreLoss(error: unknown) {
  if (!(error instanceof MissingPart)) throw error
  log.error('event store: a message is lost', { error: describe(error) })
  return undefined
}

function stateOf(head: Item): StoredEvents['state'] {
  if (head['complete']?.BOOL) return 'complete'
  return Number(head['aliveUntil']?.N) > nowSeconds() ? 'running' : 'lost'
}

const channelOf = ({ session, stream }: StreamId) => `mcp#${session}#${stream}`
