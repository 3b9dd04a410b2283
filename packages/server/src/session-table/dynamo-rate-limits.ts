import type { AttributeValue, DynamoDb, Item } from '../dynamodb/dynamodb.ts'
import type { Charges } from '../rate-limit/charges.ts'
import type { ChargeKey, ChargeStore } from '../rate-limit/rate-limits.ts'
import { key } from './table.ts'

/**
 * The charges of rate limits in the Session table:
 *
 *     channel                       position                      attributes
 *     rate#<registration>#<owner>   charges#<perSecond>/<burst>   c<slot>, s<slot>, expiresAt
 *
 * `c<slot>` counts the requests of a slot, and `s<slot>` sums up the slots up to this one. Numbers
 * of slots have the base 36, so that an item stays below the 1 KB of one write unit. A charge is
 * one write without a condition, so environments that charge at the same time do not get in each
 * other's way. The registration is empty in the limit of a caller.
 *
 * A write that is repeated after a lost response may charge twice.
 */
export function dynamoRateLimits(dynamo: DynamoDb, table: string): ChargeStore {
  return {
    async charge(chargeKey, { slot, requests, summary, expiresAt }) {
      const removed = summary
        ? [...summary.oldCounts.map(countName), ...summary.oldSums.map(sumName)]
        : []
      const names = Object.fromEntries(removed.map((name, n) => [`#r${n}`, name]))
      const { Attributes = {} } = await dynamo.updateItem({
        TableName: table,
        Key: keyOf(chargeKey),
        UpdateExpression: [
          'ADD #count :requests',
          `SET expiresAt = :expiresAt${summary ? ', #sum = :sum' : ''}`,
          ...(removed.length > 0 ? [`REMOVE ${Object.keys(names).join(', ')}`] : []),
        ].join(' '),
        ExpressionAttributeNames: {
          ...names,
          '#count': countName(slot),
          ...(summary && { '#sum': sumName(summary.slot) }),
        },
        ExpressionAttributeValues: {
          ':requests': number(requests),
          ':expiresAt': number(Math.ceil(expiresAt / 1000)),
          ...(summary && { ':sum': number(Math.round(summary.usedUntil)) }),
        },
        ReturnValues: 'ALL_NEW',
      })
      return toCharges(Attributes)
    },
  }
}

const keyOf = ({ registration = '', owner, limit: { perSecond, burst } }: ChargeKey) =>
  key(`rate#${registration}#${owner}`, `charges#${perSecond}/${burst}`)

const number = (value: number): AttributeValue => ({ N: String(value) })

const countName = (slot: number) => `c${slot.toString(36)}`
const sumName = (slot: number) => `s${slot.toString(36)}`

function toCharges(attributes: Item): Charges {
  const charges: Charges = { counts: new Map(), sums: new Map() }
  for (const [name, { N }] of Object.entries(attributes)) {
    const [, kind, slot = ''] = /^([cs])([0-9a-z]{5,9})$/.exec(name) ?? []
    if (!kind || N === undefined) continue
    const into = kind === 'c' ? charges.counts : charges.sums
    into.set(Number.parseInt(slot, 36), Number(N))
  }
  return charges
}
