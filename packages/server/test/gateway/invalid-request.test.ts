import { expect, test } from 'vitest'

import { invalidRequestText } from '../../src/gateway/protocol/invalid-request.ts'

const issue = (path: (string | number)[], message: string, more = {}) => ({
  path,
  message,
  ...more,
})

test.each([
  [
    'one problem',
    [issue(['params', 'level'], 'Invalid option: expected one of "debug"|"info"')],
    'The request m is not valid: "level": expected one of "debug"|"info"',
  ],
  [
    'a missing object',
    [issue(['params'], 'Invalid input: expected object, received undefined')],
    'The request m is not valid: "params": expected object, received undefined',
  ],
  [
    'alternatives',
    [
      issue(['params', 'ref'], 'Invalid input', {
        errors: [[issue(['name'], 'Invalid input: expected string, received number')], []],
      }),
    ],
    'The request m is not valid: "ref.name": expected string, received number',
  ],
  [
    'many problems',
    [1, 2, 3, 4, 5].map(n => issue(['params', n], 'is wrong')),
    'The request m is not valid: "1": is wrong; "2": is wrong; "3": is wrong, and 2 more',
  ],
])('states %s in one sentence', (_, issues, expected) => {
  expect(invalidRequestText('m', JSON.stringify(issues))).toBe(expected)
  expect(invalidRequestText('m', `Invalid request: ${JSON.stringify(issues, null, 2)}`)).toBe(
    expected,
  )
})

test('is short for a long request', () => {
  const text = invalidRequestText('m', JSON.stringify([issue(['x'.repeat(100_000)], 'is wrong')]))
  expect(text?.length).toBeLessThan(9_000)
})

test.each(['', 'The disk is full', 'an [odd] text', '[]', '[1]', '[{"path": 1}]'])(
  'leaves other messages alone: %s',
  message => {
    expect(invalidRequestText('m', message)).toBeUndefined()
  },
)
