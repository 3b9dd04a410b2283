import { randomUUID } from 'node:crypto'

import { type DynamoDb, type Item, isConditionFailure } from '../dynamodb/dynamodb.ts'

/**
 * Messages are kept for longer than an invocation can last; after that, no environment can read
 * them.
 */
export const KEEP_SECONDS = 15 * 60
/**
 * Bytes of content in one item. The limit of an item is 400 KB (409,600 bytes) with its attribute
 * names: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
export const PART_BYTES = 390_000

export const key = (channel: string, position: string): Item => ({
  channel: { S: channel },
  position: { S: position },
})
/** Twelve digits, so that positions sort as numbers. */
export const padded = (position: number) => String(position).padStart(12, '0')
export const nowSeconds = () => Math.floor(Date.now() / 1000)
export const expiry = () => ({ expiresAt: { N: String(nowSeconds() + KEEP_SECONDS) } })

/**
 * The lease of a session that is open for so long. Its item stays for longer, so that messages that
 * were posted before the end can still be taken.
 */
export const leaseUntil = (seconds: number) => ({
  aliveUntil: { N: String(nowSeconds() + seconds) },
  expiresAt: { N: String(nowSeconds() + seconds + KEEP_SECONDS) },
})

/** The lease of a session that outlives its streams: so long after its last use it is gone. */
export const sessionLease = () => leaseUntil(KEEP_SECONDS)

/** The output of a conditional write. Undefined when the condition does not hold. */
export async function ifConditionHolds<Output>(
  write: Promise<Output>,
): Promise<Output | undefined> {
  try {
    return await write
  } catch (error) {
    if (isConditionFailure(error)) return undefined
    throw error
  }
}

/** Reading again does not help: the part has expired. */
export class MissingPart extends Error {}

/**
 * Stores bytes of any length as attributes of an item in the Session table. The attribute
 * `message` holds them. Where they are too long for one item, the attribute `parts` has a name
 * and `partCount` the number of further items that hold them.
 *
 * Each part has a partition key of its own. A partition takes 1,000 write units a second, and the
 * parts of a message of 6 MB take 6,500.
 */
export function messageContent(dynamo: DynamoDb, table: string) {
  return { toAttributes, toParts, textOf, contentBytes }

  async function toAttributes(channel: string, bytes: Buffer): Promise<Item> {
    if (bytes.length <= PART_BYTES) return { message: { B: bytes.toString('base64') } }
    return toParts(channel, bytes)
  }

  /** Resolves once the parts are stored, so that they can be read as soon as the item can. */
  async function toParts(channel: string, bytes: Buffer): Promise<Item> {
    const parts = `${channel}#${randomUUID()}`
    const count = Math.ceil(bytes.length / PART_BYTES)
    await Promise.all(
      range(count).map(n =>
        dynamo.putItem({
          TableName: table,
          Item: {
            ...partKey(parts, n),
            message: {
              B: bytes.toString('base64', n * PART_BYTES, (n + 1) * PART_BYTES),
            },
            ...expiry(),
          },
        }),
      ),
    )
    return { parts: { S: parts }, partCount: { N: String(count) } }
  }

  async function textOf(item: Item | undefined): Promise<string> {
    const parts = item?.['parts']?.S
    return parts
      ? joinParts(parts, Number(item?.['partCount']?.N))
      : Buffer.from(item?.['message']?.B ?? '', 'base64').toString()
  }

  /** How many bytes `textOf` reads for an item, at the most. */
  function contentBytes(item: Item): number {
    const parts = Number(item['partCount']?.N ?? 0)
    return parts * PART_BYTES + Buffer.byteLength(item['message']?.B ?? '', 'base64')
  }

  async function joinParts(parts: string, count: number): Promise<string> {
    const bytes = await Promise.all(
      range(count).map(async n => {
        const { Item } = await dynamo.getItem({
          TableName: table,
          Key: partKey(parts, n),
          ConsistentRead: true,
        })
        const part = Item?.['message']?.B
        if (!part) throw new MissingPart(`part ${n} of ${count} of a message is not in the table`)
        return Buffer.from(part, 'base64')
      }),
    )
    return Buffer.concat(bytes).toString()
  }
}

const partKey = (parts: string, n: number) => key(`${parts}#${n}`, 'part')

const range = (count: number) => Array.from({ length: count }, (_, n) => n)
