import { afterAll, beforeAll, expect, test } from 'vitest'

import type { SendOperation } from '../../src/dynamodb/dynamodb.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { tool } from '../suites/registry.ts'
import { startDynamo } from '../support/dynamodb.ts'
import { registrationUrl } from '../support/registration-url.ts'

const SHARED = 'arn:aws:lambda:us-east-1:000000000000:function:shared'
const OWN = 'arn:aws:lambda:us-east-1:000000000000:function:own'
const a = { type: 'tool', name: 'a', description: 'A', lambdaArn: SHARED, parameters: {} }

interface Reads {
  requests: number
  rows: number
  units: number
}

/** A registration API on a table of its own that has this many registrations. */
async function apiWith(count: number) {
  const emulator = await startDynamo()
  const registry = dynamoRegistry(emulator.dynamo(), emulator.tables.RegistrationTable)
  const names = Array.from({ length: count }, (_, n) => `m${n}`)
  for (let n = 0; n < names.length; n += 20)
    await Promise.all(
      names.slice(n, n + 20).map((name, at) =>
        registry.create(
          tool(name, {
            lambdaArn: (n + at) % 2 ? SHARED : `${SHARED}:v${n + at}`,
            description: 'x'.repeat(4_000),
          }),
        ),
      ),
    )
  let reads: Reads = { requests: 0, rows: 0, units: 0 }
  const counted = (send: SendOperation): SendOperation => {
    return async (operation, input) => {
      const output = (await send(operation, { ...input, ReturnConsumedCapacity: 'TOTAL' })) as {
        Items?: object[]
        Item?: object
        ConsumedCapacity: { CapacityUnits: number }
      }
      const isRead = operation === 'GetItem' || operation === 'Query'
      reads.requests++
      if (isRead) reads.units += output.ConsumedCapacity.CapacityUnits
      reads.rows += output.Items?.length ?? (output.Item ? 1 : 0)
      return output
    }
  }
  // A registry without rows of functions is read once in whole: this one may be of a version
  // before.
  await registry.isUsed(OWN)
  const url = registrationUrl({ ...emulator, dynamo: () => emulator.dynamo(counted) })
  return {
    emulator,
    async call(...request: Parameters<typeof url>): Promise<{ status: number } & Reads> {
      reads = { requests: 0, rows: 0, units: 0 }
      const { status } = await url(...request)
      return { status, ...reads }
    },
  }
}

type Api = Awaited<ReturnType<typeof apiWith>>
let few: Api
let many: Api
beforeAll(async () => {
  few = await apiWith(10)
  many = await apiWith(320)
}, 120_000)
afterAll(() => Promise.all([few, many].map(it => it?.emulator.close())))

/** In this order: each one meets what the one before has left. */
const OPERATIONS: [name: string, status: number, method: string, path: string, body?: object][] = [
  ['POST', 201, 'POST', '/register', a],
  ['POST of what exists', 409, 'POST', '/register', a],
  ['GET', 200, 'GET', '/register/tool-a'],
  ['repair', 200, 'POST', '/register/tool-a/repair'],
  ['PUT with the same function', 200, 'PUT', '/register/tool-a', { ...a, title: 'T' }],
  ['PUT with another function', 200, 'PUT', '/register/tool-a', { ...a, lambdaArn: OWN }],
  ['PUT back to the function of others', 200, 'PUT', '/register/tool-a', a],
  ['DELETE of a function that others have', 204, 'DELETE', '/register/tool-a'],
  ['POST of the first of its function', 201, 'POST', '/register', { ...a, lambdaArn: OWN }],
  ['DELETE of the last of its function', 204, 'DELETE', '/register/tool-a'],
  ['DELETE of an unknown id', 404, 'DELETE', '/register/tool-a'],
  ['the list, a page of 5', 200, 'GET', '/register?limit=5'],
  ['the list, a page of 5 tools', 200, 'GET', '/register?type=tool&limit=5'],
]

test.each(OPERATIONS)(
  '%s asks the table for the same with 10 and with 320 registrations',
  { timeout: 30_000 },
  async (name, status, method, path, body) => {
    const [ofFew, ofMany] = [
      await few.call(method, path, body),
      await many.call(method, path, body),
    ]
    expect(ofFew).toMatchObject({ status })
    expect(ofMany).toEqual(ofFew)
    // A page and one more, each of 4 KB; otherwise single rows.
    const isList = name.includes('page')
    expect(ofMany.rows).toBeLessThanOrEqual(isList ? 6 : 7)
    expect(ofMany.requests).toBeLessThanOrEqual(isList ? 1 : 16)
  },
)
