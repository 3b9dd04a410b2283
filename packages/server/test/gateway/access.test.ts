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

const caller = (userArn: string) =>
  toCaller({ userArn, accountId: userArn.split(':')[4] ?? '', callerId: null })

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
    ['arn:aws-cn:iam::123456789012:root', false],
    ['arn:aws:sts::123456789012:assumed-role/agents-eu/s1', true],
    ['arn:aws:sts::123456789012:assumed-role/agents-*/s*', true],
    ['arn:aws:sts::*:assumed-role/*/s1', true],
    ['arn:aws:sts::123456789012:assumed-role/agents-eu/s', false],
    ['arn:aws:sts::123456789012:assumed-role/agents-eu/*2', false],
    ['arn:aws:sts::123456789012:assumed-role/agents/*', false],
    ['arn:aws:sts::123456789012:assumed-role/*1/*', false],
    ['arn:aws:sts::999999999999:assumed-role/agents-eu/s1', false],
    ['arn:aws-cn:sts::123456789012:assumed-role/agents-eu/s1', false],
  ])('that allows %s: admits the role agents-eu is %s', (pattern, admitted) => {
    expect(mayUse(allow(pattern), agent())).toBe(admitted)
  })

  test.each([
    'arn:aws:iam::123456789012:role/team/*',
    'arn:aws:iam::123456789012:role/*/agents-eu',
    'arn:aws:iam::*:role/team/agents-eu',
    'arn:aws:iam::123456789012:role/x:root',
    'arn:aws:iam::123456789012:role/agents-eu:root',
    'arn:*:iam::123456789012:role/agents-eu',
    '*',
  ])('that has the entry %s of an older version admits no caller by it', pattern => {
    expect(mayUse(allow(pattern), agent())).toBe(false)
    expect(mayUse(allow(pattern, 'arn:aws:iam::123456789012:role/agents-eu'), agent())).toBe(true)
  })

  test('admits a caller that matches one of its patterns', () => {
    expect(
      mayUse(
        allow('arn:aws:iam::210987654321:role/x', 'arn:aws:iam::123456789012:role/*'),
        agent(),
      ),
    ).toBe(true)
  })

  test('that allows an account admits its users, roles, federated users and root', () => {
    for (const resource of [
      'iam::123456789012:user/team/ann',
      'iam::123456789012:root',
      'sts::123456789012:federated-user/ann',
      'sts::123456789012:assumed-role/a/b',
    ])
      expect(mayUse(allow('arn:aws:iam::123456789012:root'), caller(`arn:aws:${resource}`))).toBe(
        true,
      )
  })

  test('that allows roles admits no federated user and no root of the account', () => {
    const roles = allow('arn:aws:iam::*:role/*', 'arn:aws:iam::*:user/*')
    for (const resource of ['iam::123456789012:root', 'sts::123456789012:federated-user/ann'])
      expect(mayUse(roles, caller(`arn:aws:${resource}`))).toBe(false)
  })

  test('that allows role sessions admits no user and no federated user of that name', () => {
    const sessions = allow('arn:aws:sts::*:assumed-role/*/*')
    for (const resource of [
      'iam::123456789012:user/agents-eu/s1',
      'iam::123456789012:user/s1',
      'iam::123456789012:root',
      'sts::123456789012:federated-user/s1',
    ])
      expect(mayUse(sessions, caller(`arn:aws:${resource}`))).toBe(false)
    expect(mayUse(sessions, agent())).toBe(true)
  })

  test('compares a user without the path, as a role', () => {
    const ann = caller('arn:aws:iam::123456789012:user/team/ann')
    expect(mayUse(allow('arn:aws:iam::123456789012:user/team/ann'), ann)).toBe(true)
    expect(mayUse(allow('arn:aws:iam::123456789012:user/a*'), ann)).toBe(true)
    expect(mayUse(allow('arn:aws:iam::123456789012:user/t*'), ann)).toBe(false)
  })
})

test('the matcher agrees with a slow one for 20,000 random patterns and callers', () => {
  const random = seeded(9)
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
  const times = (most: number) => Array.from({ length: Math.floor(random() * (most + 1)) })
  const word = (letters: string) =>
    times(4)
      .map(() => pick([...letters]))
      .join('')
  const ACCOUNTS = ['111111111111', '222222222222'] as const
  const admitted = { iam: 0, sts: 0 }
  for (let n = 0; n < 20_000; n++) {
    const kind = pick(['role', 'role', 'user'])
    const path = pick(['', '', '', 'ab/', '*/', 'a/b*/'])
    const name = pick(['', '', 'AWSReservedSSO_']) + word('ab**')
    const resource = pick([
      `iam|${kind}/${path}${name}`,
      `iam|${kind}/${path}${name}`,
      'iam|root',
      `iam|${name}:root`,
      `sts|assumed-role/${path}${name}/${word('ab*')}${pick(['s', '*', ''])}`,
      `sts|assumed-role/${name}*/${word('ab**')}${pick(['s', '*s', '*'])}`,
    ])
    const [service, rest] = resource.split('|')
    const account = pick([...ACCOUNTS, '*'])
    const pattern = `arn:${pick(['aws', 'aws-cn'])}:${service}::${account}:${rest}`
    const is = `${pick(['', 'AWSReservedSSO_'])}${word('ab')}a`
    const identity = pick([
      `sts::${pick(ACCOUNTS)}:assumed-role/${is}/${word('ab*')}s`,
      `iam::${pick(ACCOUNTS)}:user/${pick(['', 'ab/'])}${is}`,
      `sts::${pick(ACCOUNTS)}:federated-user/${is}`,
    ])
    const arn = `arn:${pick(['aws', 'aws-cn'])}:${identity}`
    const expected = slowlyAdmits(pattern, arn)
    if (expected) admitted[service as 'iam' | 'sts']++
    expect([pattern, arn, mayUse(allow(pattern), caller(arn))]).toEqual([pattern, arn, expected])
  }
  expect(Math.min(admitted.iam / 500, admitted.sts / 100)).toBeGreaterThan(1)
})

/** The rules of docs/registering.md, one after the other, with regular expressions. */
function slowlyAdmits(pattern: string, arn: string): boolean {
  const [, , of] = pattern.split(':')
  if (of === 'sts') return slowlyAdmitsSession(pattern, arn)
  const at = pattern.lastIndexOf('/')
  const name = pattern.slice(at + 1)
  const [, partition, , , account = '', resource = ''] = pattern.split(':')
  const [, callerPartition, service, , callerAccount, who = ''] = arn.split(':')
  if (partition !== callerPartition) return false
  if (resource === 'root') return account !== '*' && account === callerAccount
  if (pattern.endsWith(':root') || name === '') return false
  const kind = resource.split('/')[0]
  const path = resource.slice((kind?.length ?? 0) + 1, resource.lastIndexOf('/') + 1)
  const isSso = kind === 'role' && name.startsWith('AWSReservedSSO_')
  if (path && !isSso && /\*/.test(account + path + name)) return false
  if (account !== '*' && account !== callerAccount) return false
  const [form = '', ...parts] = who.split('/')
  if (service === 'sts' ? form !== 'assumed-role' : form !== 'user') return false
  if ((kind === 'role') !== (service === 'sts')) return false
  const callerName = (service === 'sts' ? parts[0] : parts.at(-1)) ?? ''
  return new RegExp(`^${name.replaceAll('*', '.*')}$`).test(callerName)
}

/** One regular expression for the whole ARN of a role session. */
function slowlyAdmitsSession(pattern: string, arn: string): boolean {
  const parts = pattern.split('/')
  if (parts.length !== 3 || parts.includes('')) return false
  const [head = '', role = '', session = ''] = parts
  const any = (text: string) => text.replaceAll('*', '[^/:]*')
  return new RegExp(`^${any(head)}/${any(role)}/${any(session)}$`).test(arn)
}

/** mulberry32 */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

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

  test('has the role-session name, and users stay as they are, where OwnerBy says so', () => {
    const owner = (userArn: string, callerId: string) =>
      toCaller({ userArn, accountId: '123456789012', callerId }, 'session-name').owner
    const arn = 'arn:aws:sts::123456789012:assumed-role/agents-eu'
    expect(owner(`${arn}/ann@example.com`, 'AROAEXAMPLE:ann@example.com')).toBe(
      '123456789012/AROAEXAMPLE:ann@example.com',
    )
    expect(owner('arn:aws:iam::123456789012:user/team/ann', 'AIDAANN')).toBe('123456789012/AIDAANN')
    expect(owner('arn:aws:sts::123456789012:federated-user/ann', '123456789012:ann')).toBe(
      '123456789012/123456789012:ann',
    )
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
