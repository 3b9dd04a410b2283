import { expect, test } from 'vitest'

import { toCaller } from '../../src/http/caller.ts'
import { tenantIdOf } from '../../src/invoker/tenant-id.ts'

const ann = (session: string) =>
  toCaller(
    {
      userArn: `arn:aws:sts::123456789012:assumed-role/agents/${session}`,
      accountId: '123456789012',
      callerId: `AROAEXAMPLE:${session}`,
    },
    'session-name',
  )

test('a tenant is the owner of sessions, with the role-session name where OwnerBy says so', () => {
  const tenant = (session: string) => tenantIdOf({ tenant: 'principal' }, { caller: ann(session) })
  expect(tenant('ann@example.com')).toBe('123456789012/AROAEXAMPLE:ann@example.com')
  expect(tenant('bob')).not.toBe(tenant('ann@example.com'))
})

test('what Lambda does not take as a tenant id is hashed, and two of them stay apart', () => {
  const tenant = (session: string) => tenantIdOf({ tenant: 'principal' }, { caller: ann(session) })
  expect(tenant('ann,bob')).toMatch(/^sha256:[\da-f]{64}$/)
  expect(tenant('ann,bob')).toBe(tenant('ann,bob'))
  expect(tenant('ann,bob')).not.toBe(tenant('ann,eve'))
  const path = `arn:aws:iam::123456789012:user/${'p'.repeat(510)}/ann`
  const caller = { arn: path, accountId: '123456789012', owner: `123456789012/${path}` }
  expect(tenantIdOf({ tenant: 'session' }, { caller })).toMatch(/^sha256:/)
})
