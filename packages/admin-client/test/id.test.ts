import { expect, test } from 'vitest'

import { parseRegistrationId, registrationId, TYPES } from '../src/id.ts'

test.each(TYPES)('the id of a %s gives its type and name back', type => {
  for (const name of ['a', 'a-b', `${type}-a`, '.', '..', '-', 'A_z.0-', 'n'.repeat(128)])
    expect(parseRegistrationId(registrationId(type, name))).toEqual({ type, name })
})

test.each([
  '',
  'tool',
  'tool-',
  'Tool-a',
  'tools-a',
  '-a',
  'tool-a b',
  'tool-a/b',
  'tool-ä',
  `tool-${'n'.repeat(129)}`,
  'tool-a\n',
])('%j is not an id', id => {
  expect(parseRegistrationId(id)).toBeUndefined()
})
