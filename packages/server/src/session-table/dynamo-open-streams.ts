import { randomUUID } from 'node:crypto'

import type { DynamoDb, Item } from '../dynamodb/dynamodb.ts'
import {
  limitStreams,
  type OpenStreams,
  PROBE_MESSAGE,
  type Probe,
  type StreamEntry,
  unlimitedStreams,
} from './open-streams.ts'
import type { Relay } from './relay.ts'
import type { McpSessions } from './sessions.ts'
import { key, nowSeconds, padded } from './table.ts'

export interface DynamoOpenStreamsOptions {
  dynamo: DynamoDb
  table: string
  relay: Pick<Relay, 'post'>
  sessions: Pick<McpSessions, 'probe'>
  /** Open streams that one principal may have. 0: no limit. */
  maxStreamsPerCaller: number
}

/** Two renewals may fail. The stream of an environment that was killed counts for as long. */
const LEASE_SECONDS = 75
/** A query reads so many entries more than a principal may have open: those of dead streams. */
const MAX_DEAD = 200

/**
 * The open streams of each principal in the Session table:
 *
 *     channel           position            attributes
 *     streams#<owner>   <end>#<uuid>        expiresAt (the lease), lastSignAt, isBusy, probe
 *
 * `<end>` is when the stream ends at the latest, in seconds since 1970. So a query leaves out what
 * environments that were killed have left in the table. It reads the newest entries first.
 */
export function dynamoOpenStreams(options: DynamoOpenStreamsOptions): OpenStreams {
  const { dynamo, table, relay, sessions, maxStreamsPerCaller } = options
  if (maxStreamsPerCaller === 0) return unlimitedStreams

  return limitStreams(
    {
      newPosition: timeMs => `${padded(nowSeconds() + Math.ceil(timeMs / 1000))}#${randomUUID()}`,
      async put(owner, { position, probe, lastSignAt, isBusy }) {
        await dynamo.putItem({
          TableName: table,
          Item: {
            ...keyOf(owner, position),
            expiresAt: { N: String(nowSeconds() + LEASE_SECONDS) },
            lastSignAt: { N: String(lastSignAt) },
            isBusy: { BOOL: isBusy },
            ...(probe && { probe: { S: `${probe.via} ${probe.id}` } }),
          },
        })
      },
      async remove(owner, position) {
        await dynamo.deleteItem({ TableName: table, Key: keyOf(owner, position) })
      },
      async list(owner) {
        const { Items = [] } = await dynamo.query({
          TableName: table,
          KeyConditionExpression: 'channel = :channel AND #position > :now',
          ExpressionAttributeNames: { '#position': 'position' },
          ExpressionAttributeValues: {
            ':channel': { S: channelOf(owner) },
            ':now': { S: padded(nowSeconds()) },
          },
          // An environment that counts must see the entries of all that stored theirs before.
          ConsistentRead: true,
          ScanIndexForward: false,
          Limit: maxStreamsPerCaller + MAX_DEAD,
        })
        return Items.flatMap(liveEntry)
      },
      async get(owner, position) {
        const { Item } = await dynamo.getItem({
          TableName: table,
          Key: keyOf(owner, position),
          ConsistentRead: true,
        })
        return liveEntry(Item ?? {})[0]
      },
      sendProbe: (owner, { via, id }) =>
        via === 'inbox' ? relay.post({ id, owner }, PROBE_MESSAGE) : sessions.probe(id),
    },
    maxStreamsPerCaller,
  )
}

const channelOf = (owner: string) => `streams#${owner}`
const keyOf = (owner: string, position: string) => key(channelOf(owner), position)

/** Empty where the lease is over: DynamoDB deletes expired items up to days late. */
function liveEntry({ position, expiresAt, lastSignAt, isBusy, probe }: Item): StreamEntry[] {
  if (!position?.S || !(Number(expiresAt?.N) > nowSeconds())) return []
  return [
    {
      position: position.S,
      lastSignAt: Number(lastSignAt?.N),
      isBusy: isBusy?.BOOL ?? false,
      probe: toProbe(probe?.S),
    },
  ]
}

function toProbe(text: string | undefined): Probe | undefined {
  const [via, id] = text?.split(' ') ?? []
  return id && (via === 'inbox' || via === 'session') ? { via, id } : undefined
}
