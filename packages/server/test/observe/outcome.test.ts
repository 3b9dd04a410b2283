import { expect, test } from 'vitest'

import { JsonRpcError } from '../../src/jsonrpc-error.ts'
import { outcomeOfError } from '../../src/observe/outcome.ts'

test('a function that is over a limit of its own returned an error, and is not over ours', () => {
  const error = new JsonRpcError(-32_000, 'too many requests', { reason: 'rate_limited' })
  const known = { isFound: true, hasStarted: true, failure: undefined }
  expect(outcomeOfError(error, known)).toBe('jsonrpc_error')
})
