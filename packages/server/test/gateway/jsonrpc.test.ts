import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
} from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'

import { isMessage, messageProblem, refuseInvalid } from '../../src/gateway/wire/jsonrpc.ts'

const sdkTakes = (it: unknown) =>
  [isJSONRPCRequest, isJSONRPCNotification, isJSONRPCResultResponse, isJSONRPCErrorResponse].some(
    is => is(it),
  )

const ODD = [
  undefined,
  null,
  true,
  0,
  -0.5,
  1.5,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e300,
  '',
  'text',
  [],
  [1],
  {},
  { a: 1 },
]

/** Messages with every odd value in every place. */
function* messages(): Generator<Record<string, unknown>> {
  const request = { jsonrpc: '2.0', id: 1, method: 'vendor/ping' }
  const result = { jsonrpc: '2.0', id: 1, result: {} }
  const error = { jsonrpc: '2.0', id: 1, error: { code: -1, message: 'x' } }
  const related = 'io.modelcontextprotocol/related-task'
  for (const odd of ODD) {
    for (const base of [request, result, error]) {
      for (const member of ['jsonrpc', 'id', 'method', 'params', 'result', 'error', 'extra'])
        yield { ...base, [member]: odd }
    }
    yield { jsonrpc: '2.0', method: 'notifications/x', params: odd }
    for (const base of [request, { jsonrpc: '2.0', method: 'notifications/x' }]) {
      yield { ...base, params: { _meta: odd } }
      yield { ...base, params: { _meta: { progressToken: odd } } }
      yield { ...base, params: { _meta: { [related]: odd } } }
      yield { ...base, params: { _meta: { [related]: { taskId: odd } } } }
    }
    yield { ...result, result: { _meta: odd } }
    yield { ...error, error: { code: odd, message: 'x' } }
    yield { ...error, error: { code: 1, message: odd } }
  }
}

test('accepts only what the SDK takes, and everything that it takes', () => {
  const parsed = [...messages()].map(it => JSON.parse(JSON.stringify(it)))
  for (const it of parsed) expect(isMessage(it), JSON.stringify(it)).toBe(sdkTakes(it))
})

test.each<[string, unknown, RegExp]>([
  ['_meta: null', { params: { _meta: null } }, /"params\._meta" is not an object/],
  [
    'a progress token that is null',
    { params: { _meta: { progressToken: null } } },
    /progressToken/,
  ],
  ['another member', { trace: 1 }, /"trace" is not allowed/],
  ['an id of 2^53', { id: 2 ** 53 }, /"id" is not valid/],
  ['an id of 1,026 bytes', { id: 'é'.repeat(513) }, /at most 1024 bytes/],
  ['params that are null', { params: null }, /"params" is not an object/],
])('names what is wrong: %s', (_, change, problem) => {
  const message = { jsonrpc: '2.0', id: 1, method: 'ping', ...(change as object) }
  expect(messageProblem(message)).toMatch(problem)
})

test.each(['initialize', 'ping', 'tools/call', 'resources/read'])(
  'refuses %s without an id, to which no response could come',
  method => {
    expect(messageProblem({ jsonrpc: '2.0', method })).toMatch(/send an "id"/)
  },
)

test('refuses with -32600 and the id of the request, where it has one', async () => {
  const refused = refuseInvalid({ jsonrpc: '2.0', id: 7, method: 'ping', extra: true })
  expect(refused?.status).toBe(400)
  expect(await refused?.json()).toMatchObject({ jsonrpc: '2.0', id: 7, error: { code: -32_600 } })
  const batch = refuseInvalid([{ jsonrpc: '2.0', id: 7, method: 'ping' }, null])
  expect(await batch?.json()).toMatchObject({ id: null, error: { code: -32_600 } })
})
