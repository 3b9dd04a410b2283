import { ERROR_CODES } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { expect, test } from 'vitest'

import { ADMIN_ERRORS } from '../../packages/admin-client/src/errors.ts'
import { CLIENT_ERRORS } from '../../packages/client/src/errors.ts'
import { DEPLOY_ERRORS } from '../../packages/server/src/deploy/errors.ts'
import type { LocalErrorCode } from '../../packages/server/src/local/errors.ts'
import { readPage } from './markdown.ts'

/** The compiler keeps it equal to the union. */
const LOCAL_ERRORS: Record<LocalErrorCode, true> = {
  data_in_use: true,
  data_incompatible: true,
  not_built: true,
  port_in_use: true,
  python_unusable: true,
  tables_not_started: true,
  unreadable_function: true,
  unreadable_template: true,
  unsupported_template: true,
}

test('docs/errors.md has a row for every error code, and says where it occurs', () => {
  const codes = {
    API: ERROR_CODES,
    client: Object.keys(CLIENT_ERRORS),
    admin: Object.keys(ADMIN_ERRORS),
    deploy: Object.keys(DEPLOY_ERRORS),
    local: Object.keys(LOCAL_ERRORS),
  }
  const origins = new Map<string, string[]>()
  for (const [origin, list] of Object.entries(codes))
    for (const code of list) origins.set(code, [...(origins.get(code) ?? []), origin])
  const expected = [...origins].map(([code, from]) => `${code}: ${from.join(', ')}`).toSorted()

  const rows = readPage('docs/errors.md').lines.flatMap(line => {
    const [, code, from] = /^\| `(\w+)` +\| ([^|]+?) +\|/.exec(line) ?? []
    return code ? [`${code}: ${from}`] : []
  })
  expect(rows).toEqual(expected)
})
