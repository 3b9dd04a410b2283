import { expect, test } from 'vitest'

import { DEVELOPER } from '../../../server/src/local/principals.ts'
import { LOCAL_KEY } from '../../src/bridge/local-key.ts'

test('signs for the local gateway with the key that it publishes', () => {
  expect(DEVELOPER).toMatchObject(LOCAL_KEY)
})
