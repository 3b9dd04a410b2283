import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { describe, expect, test } from 'vitest'
import { mayUse } from '../../src/gateway/protocol/access.ts'
import { toCaller } from '../../src/http/caller.ts'

const agent = (session = 's1', id = 'AROAEXAMPLE') =>
  toCaller({
    userArn: `arn:aws:sts::123456789012:assumed-role/agents-eu/${session}`,
    accountId: '123456789012',
    callerId: `${id}:${session}`,
  })
const allow = (...patterns: string[]) => ({ allow: patterns }) as Registration

describe('a registration', () => {
  test('without "allow" admits every caller', () => {
    expect(mayUse({} as Registration, agent())).toBe(true)
  })

  test.each([
    ['arn:aws:iam::123456789012:role/agents-eu', true],
    ['arn:aws:iam::123456789012:role/agents-*', true],
    ['arn:aws:iam::123456789012:role/*-eu', true],
    ['arn:aws:iam::123456789012:role/a*s-*u', true],
    ['arn:aws:iam::123456789012:role/some/path/agents-eu', true],
    ['arn:aws:iam::*:role/agents-eu', true],
    ['arn:aws:iam::123456789012:root', true],
    ['arn:aws:iam::123456789012:role/agents', false],
    ['arn:aws:iam::123456789012:role/agents-eu-*', false],
    ['arn:aws:iam::123456789012:role/agents-eu*agents-eu', false],
    ['arn:aws:iam::123456789012:user/agents-eu', false],
    ['arn:aws:iam::999999999999:role/agents-eu', false],
    ['arn:aws:iam::999999999999:root', false],
    ['arn:aws-cn:iam::123456789012:role/agents-eu', false],
  ])('that allows %s: admits the role agents-eu is %s', (pattern, admitted) => {
    expect(mayUse(allow(pattern), agent())).toBe(admitted)
  })

  test('admits a caller that matches one of its patterns', () => {
    expect(
      mayUse(allow('arn:aws:iam::1:role/x', 'arn:aws:iam::123456789012:role/*'), agent()),
    ).toBe(true)
  })
})

describe('the owner of a session', () => {
  test('stays the same under another role-session name', () => {
    expect(agent('monday').owner).toBe(agent('tuesday').owner)
  })

  test('differs for a role that was deleted and created again with the same name', () => {
    expect(agent('s', 'AROAOLD').owner).not.toBe(agent('s', 'AROANEW').owner)
  })

  test('is the whole id of a federated user', () => {
    const federated = (name: string) =>
      toCaller({
        userArn: `arn:aws:sts::123456789012:federated-user/${name}`,
        accountId: '123456789012',
        callerId: `123456789012:${name}`,
      })
    expect(federated('ann').owner).not.toBe(federated('bob').owner)
  })

  test('is the name of the role when the id is missing', () => {
    const caller = toCaller({
      userArn: 'arn:aws:sts::123456789012:assumed-role/agents-eu/s1',
      accountId: '123456789012',
      callerId: null,
    })
    expect(caller.owner).toBe('123456789012/agents-eu')
  })
})
