import { describe, expect, test } from 'vitest'

import { parsePrincipalPattern } from '../src/principal-pattern.ts'

const arn = (resource: string, accountId = '123456789012', partition = 'aws') =>
  `arn:${partition}:iam::${accountId}:${resource}`

const session = (resource: string, accountId = '123456789012') =>
  `arn:aws:sts::${accountId}:assumed-role/${resource}`

const SSO = 'role/aws-reserved/sso.amazonaws.com'

describe('an entry of allow', () => {
  test.each([
    [arn('root'), { kind: 'root', name: '' }],
    [arn('role/agents'), { kind: 'role', name: 'agents' }],
    [arn('role/agents-*'), { kind: 'role', name: 'agents-*' }],
    [arn('role/*'), { kind: 'role', name: '*' }],
    [arn('user/ann@example.com'), { kind: 'user', name: 'ann@example.com' }],
    [arn('role/agents', '*'), { kind: 'role', name: 'agents', accountId: '*' }],
    // One role or user: its name is unique in the account, whatever its path.
    [arn('role/team/eu/agents'), { kind: 'role', name: 'agents' }],
    [arn('user/team/ann'), { kind: 'user', name: 'ann' }],
    [arn('role/team:eu/agents'), { kind: 'role', name: 'agents' }],
    // Roles that only IAM Identity Center can create.
    [arn(`${SSO}/AWSReservedSSO_Admin_*`), { kind: 'role', name: 'AWSReservedSSO_Admin_*' }],
    [arn(`${SSO}/*/AWSReservedSSO_Admin_*`), { kind: 'role', name: 'AWSReservedSSO_Admin_*' }],
    [arn(`${SSO}/eu-west-1/AWSReservedSSO_*`), { kind: 'role', name: 'AWSReservedSSO_*' }],
    [arn('role/*/AWSReservedSSO_*', '*'), { kind: 'role', name: 'AWSReservedSSO_*' }],
    [arn('role/a', '123456789012', 'aws-eusc'), { partition: 'aws-eusc' }],
    [arn('role/a', '123456789012', 'aws-iso-b'), { partition: 'aws-iso-b' }],
    // Role sessions.
    [
      session('agents/ann@example.com'),
      { kind: 'role', name: 'agents', sessionName: 'ann@example.com' },
    ],
    [session('agents-*/ann*'), { kind: 'role', name: 'agents-*', sessionName: 'ann*' }],
    [session('AWSReservedSSO_Admin_0123/ann', '*'), { accountId: '*', sessionName: 'ann' }],
    [session('source-identity/ann'), { name: 'source-identity', sessionName: 'ann' }],
  ])('%s is accepted', (text, expected) => {
    expect(parsePrincipalPattern(text)).toMatchObject(expected)
  })

  test.each([
    arn('role/team/*'),
    arn('role/team/agents-*'),
    arn('role/*/agents'),
    arn('role/te*m/agents'),
    arn('role/*/*'),
    arn('role/team/*agents'),
    arn('role/team/agents', '*'),
    arn('user/team/*'),
    arn('user/*/ann'),
    arn('user/team/AWSReservedSSO_*'),
    arn(`${SSO}/AWSReserved*`),
    arn(`${SSO}/AWSReservedSSO*`),
    arn(`${SSO}/*AWSReservedSSO_Admin`),
    arn(`${SSO}/AWSReservedSSO_Admin/*`),
  ])('%s is refused, since the path of a role is not known', text => {
    expect(parsePrincipalPattern(text)).toContain('without its path')
  })

  test.each([
    ['', 'is not an ARN'],
    ['*', 'is not an ARN'],
    ['123456789012', 'is not an ARN'],
    [arn('role/x:root'), 'name "x:root"'],
    [arn('user/x:root'), 'name "x:root"'],
    [arn('role/x', '123456789012', '*'), 'partition "*"'],
    [arn('role/x', '123456789012', 'AWS'), 'partition "AWS"'],
    [arn('root', '*'), 'every principal of every account'],
    [arn('role/x', '1234'), 'account "1234"'],
    [arn('role/x', '12345678901*'), 'account "12345678901*"'],
    [arn('role/'), 'name ""'],
    [arn('role/team/'), 'name ""'],
    [arn('role'), 'neither a role nor a user'],
    [arn('*'), 'neither a role nor a user'],
    [arn('root/x'), 'neither a role nor a user'],
    [arn('group/x'), 'neither a role nor a user'],
    [arn('Role/x'), 'neither a role nor a user'],
    [arn('role/a?ents'), 'name "a?ents"'],
    [arn('role/t?am/agents'), 'path "t?am/"'],
    [arn('role/te am/agents'), 'path "te am/"'],
    [arn('role/agents\n'), 'name "agents\n"'],
    ['arn:aws:iam:us-east-1:123456789012:role/x', 'not an ARN of IAM'],
    ['arn:aws:s3:::bucket', 'not an ARN of IAM'],
    ['arn:aws:sts:us-east-1:123456789012:assumed-role/x/y', 'not an ARN of IAM'],
    [session('agents'), 'names no role session'],
    [session('team/agents/ann'), 'without the path of the role'],
    [session('agents/'), 'name ""'],
    [session('/ann'), 'name ""'],
    [session('agents/ann:bob'), 'name "ann:bob"'],
    [session('agents/a?n'), 'name "a?n"'],
    [session('agents/ann', '1234'), 'account "1234"'],
    [session(`agents/${'a'.repeat(129)}`), 'has the name'],
    ['arn:aws:sts::123456789012:federated-user/ann', 'names no role session'],
    ['arn:aws:sts::123456789012:source-identity/ann', 'Lambda does not tell'],
    ['sts:SourceIdentity/ann', 'Lambda does not tell'],
    ['SourceIdentity=ann', 'Lambda does not tell'],
    [arn(`role/${'a'.repeat(129)}`), 'has the name'],
    [arn(`role/${'a/'.repeat(600)}x`), 'more than 1024 characters'],
  ])('%j is refused, and the message says why', (text, message) => {
    expect(parsePrincipalPattern(text)).toContain(message)
  })
})
