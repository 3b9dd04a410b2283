import { expect, test } from 'vitest'

import { accepts } from '../../src/http/accept.ts'

test.each<[string | null, boolean]>([
  [null, true],
  ['', true],
  ['*/*', true],
  ['*', true],
  ['application/*', true],
  ['application/json', true],
  ['Application/JSON', true],
  ['application/json;q=0.1', true],
  ['text/html, application/json ; q=0.001', true],
  ['application/json; charset=utf-8', true],
  ['application/json;profile="a,b"', true],
  ['text/html;profile="x, application/json"', false],
  ['text/html', false],
  ['text/*', false],
  ['application/jsonx', false],
  ['application/json;q=0', false],
  ['application/json; Q=0.000', false],
  ['*/*, application/json;q=0', false],
  ['*/*;q=0, application/json', true],
  ['application/*;q=0, */*', false],
  ['application/*;q=0, application/json;q=0.5', true],
  ['*/*;q=0', false],
])('"%s" accepts JSON: %s', (header, accepted) => {
  expect(accepts(header, 'application/json')).toBe(accepted)
})

test('takes linear time for a header of 1 MB', () => {
  for (const part of ['"', ',', ';', '"\\', 'a', ', '])
    expect(accepts(part.repeat(1_000_000), 'application/json')).toBe(false)
})
