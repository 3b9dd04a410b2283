import { describe, expect, test } from 'vitest'

import { isDeeperThan } from '../../src/json/depth.ts'
import {
  changesNumbers,
  losesDigits,
  parseExact,
  parseInexactAsText,
} from '../../src/json/exact-numbers.ts'
import { memberText } from '../../src/json/member-text.ts'

describe('exact numbers', () => {
  test.each([
    '9007199254740993',
    '-9007199254740993',
    '0.1234567890123456789',
    '1.0',
    '1.10',
    '1e3',
    '-0',
    '1E400',
    '{"a":[1,2.50,{"b":12345678901234567890}],"c":"1.0"}',
    '{"1.0":1.0}',
  ])('keep their digits: %s', text => {
    expect(changesNumbers(text)).toBe(true)
    const { value, stringify } = parseExact(text)
    expect(stringify(value)).toBe(text)
  })

  test.each([
    '1',
    '-17',
    '0',
    '1.5',
    '{"a":"9007199254740993"}',
    '["1.0","1e3","-0"]',
    'true',
    '"\\"1.0"',
  ])('need no second look: %s', text => expect(changesNumbers(text)).toBe(false))

  test('can be written from a part of the value', () => {
    const { value, stringify } = parseExact('{"a":{"b":1.0},"c":2.0}')
    expect(stringify((value as { a: unknown }).a)).toBe('{"b":1.0}')
  })

  test('a string that looks like a mark stays a string', () => {
    const text = '["number:000000000000000000000000:1.0",1.0]'
    const { value, stringify } = parseExact(text)
    expect(stringify(value)).toBe(text)
  })
})

describe('the text of a member', () => {
  test.each([
    ['{"body": {"a": 1.0 , "b":[1,2]} , "x":1}', 'body', '{"a": 1.0 , "b":[1,2]}'],
    ['{"x":{"body":1},"body":2}', 'body', '2'],
    ['{"x":["body",1],"body":"a,}:"}', 'body', '"a,}:"'],
    ['{"x":"body"}', 'body', undefined],
    ['{"body":1,"body":2}', 'body', '2'],
    ['{"bo\\u0064y":3}', 'body', '3'],
    ['{}', 'body', undefined],
    ['{"body":null}', 'body', 'null'],
  ])('%s', (text, name, member) => {
    expect(memberText(text, name)).toBe(member)
  })
})

test('reads strings of 20 MB, also with escapes only', () => {
  for (const long of ['x'.repeat(20_000_000), '\\n'.repeat(10_000_000), '\\"'.repeat(100_000)]) {
    const text = `{"a":"${long}","b":1.0}`
    expect(changesNumbers(text)).toBe(true)
    expect(memberText(text, 'b')).toBe('1.0')
  }
})

describe('numbers that JavaScript cannot hold', () => {
  test.each([
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '0.1234567890123456789',
    '12345678.123456789012',
    '1e400',
    '-1E+400',
    '1e-400',
    '100000000000000000000001',
    `0.${'1'.repeat(1_000_000)}`,
    '1'.repeat(1_000_000),
  ])('are found: %.40s', number => {
    expect(losesDigits(`[1,{"a":${number}}]`)).toBe(true)
    expect(parseInexactAsText(`[1.0,{"a":${number}}]`)).toEqual([1, { a: number }])
  })

  test.each([
    '0',
    '-0',
    '0.000',
    '0e999',
    '1.0',
    '1e3',
    '1E+21',
    '100000000000000000000000',
    '9007199254740992',
    '9007199254740994',
    '0.30000000000000004',
    '0.10000000000000001',
    '0.1000000000000000055511151231257827021181583404541015625',
    '1.7976931348623157e308',
    '5e-324',
    '2.5E-3',
  ])('are not numbers that are only spelled differently: %s', number => {
    expect(losesDigits(`[1,{"a":${number}}]`)).toBe(false)
  })

  test('are not found in strings', () => {
    expect(losesDigits('{"9007199254740993":"9007199254740993 \\" 1e400"}')).toBe(false)
  })
})

test('depth is counted outside strings', () => {
  expect(isDeeperThan(2, '[[],{"a":"[[[[\\"[[["}]')).toBe(false)
  expect(isDeeperThan(2, '[[],{"a":[]}]')).toBe(true)
})
