import { expect, test } from 'vitest'

import { withFittingForm, withoutNulls } from '../../src/gateway/wire/elicited-form.ts'

const response = (result: Record<string, unknown>) => ({ jsonrpc: '2.0' as const, id: 1, result })

test('leaves out the null of an optional field, as FastMCP sends it', () => {
  const content = { city: 'Oslo', days: null, tags: ['a'], sure: false, count: 0 }
  expect(withFittingForm(response({ action: 'accept', content }))).toEqual(
    response({
      action: 'accept',
      content: { city: 'Oslo', tags: ['a'], sure: false, count: 0 },
    }),
  )
  expect(withoutNulls({ form: { action: 'accept', content }, roots: { roots: [] } })).toEqual({
    form: { action: 'accept', content: { city: 'Oslo', tags: ['a'], sure: false, count: 0 } },
    roots: { roots: [] },
  })
})

test.each([{ a: { b: 1 } }, { a: [1] }, { a: [null] }])(
  'makes a response that does not fit an error of one sentence: %j',
  content => {
    expect(withFittingForm(response({ action: 'accept', content }))).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: {
        code: -32602,
        message:
          'The response to elicitation/create has a field "a" that is no string, number, boolean or list of strings',
      },
    })
  },
)

test.each([
  response({ action: 'decline', content: { a: null } }),
  response({ role: 'assistant', content: { type: 'text', text: 'moon' }, model: 'm' }),
  { jsonrpc: '2.0' as const, method: 'notifications/initialized' },
])('leaves every other message as it is: %j', message => {
  expect(withFittingForm(message)).toBe(message)
})
