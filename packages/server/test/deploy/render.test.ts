import { expect, test } from 'vitest'

import { changesText, eventLine } from '../../src/cli/render.ts'
import { explained } from '../../src/deploy/errors.ts'
import { firstFailure } from '../../src/deploy/stack-events.ts'

test('a change set shows what is made, changed, replaced and removed', () => {
  expect(
    changesText([
      { action: 'add', logicalId: 'Fn', type: 'AWS::Lambda::Function', replacement: 'no' },
      { action: 'change', logicalId: 'Role', type: 'AWS::IAM::Role', replacement: 'no' },
      { action: 'change', logicalId: 'Url', type: 'AWS::Lambda::Url', replacement: 'maybe' },
      { action: 'change', logicalId: 'Table', type: 'AWS::DynamoDB::Table', replacement: 'yes' },
      { action: 'remove', logicalId: 'Old', type: 'AWS::SQS::Queue', replacement: 'no' },
    ]).split('\n'),
  ).toEqual([
    'Changes',
    '  + Fn     AWS::Lambda::Function',
    '  ~ Role   AWS::IAM::Role',
    '  ~ Url    AWS::Lambda::Url       may be REPLACED: depends on a value that is not known yet',
    '  ! Table  AWS::DynamoDB::Table   REPLACED: a new one is made, the old one goes',
    '  - Old    AWS::SQS::Queue        removed',
    '1 to add, 3 to change, 1 to remove',
  ])
})

const event = (logicalId: string, status: string, reason?: string) => ({
  at: new Date(0),
  logicalId,
  type: 'T',
  status,
  reason,
})

test('an event tells the reason of a failure and no other', () => {
  expect(eventLine(event('A', 'CREATE_FAILED', 'it is there already'))).toBe(
    '00:00:00  CREATE_FAILED                 A (T): it is there already',
  )
  expect(eventLine(event('A', 'CREATE_IN_PROGRESS', 'User Initiated'))).toBe(
    '00:00:00  CREATE_IN_PROGRESS            A (T)',
  )
})

test('the first failure is the one that stopped the others', () => {
  expect(
    firstFailure([
      event('A', 'CREATE_IN_PROGRESS'),
      event('B', 'CREATE_FAILED', 'Resource creation cancelled'),
      event('C', 'CREATE_FAILED', 'no such subnet'),
      event('stack', 'ROLLBACK_IN_PROGRESS', 'The following resource(s) failed: [B, C]'),
    ]),
  ).toMatchObject({ logicalId: 'C' })
})

const awsError = (name: string, message: string) =>
  Object.assign(new Error(message), { name, $metadata: {} })

test.each([
  [
    awsError('ExpiredToken', 'The security token included in the request is expired'),
    'no_credentials',
  ],
  [awsError('InvalidClientTokenId', 'x'), 'no_credentials'],
  [
    awsError('CredentialsProviderError', 'Could not load credentials from any providers'),
    'no_credentials',
  ],
  [
    awsError('AccessDenied', 'User: x is not authorized to perform: s3:CreateBucket'),
    'access_denied',
  ],
  [awsError('ValidationError', 'Template error'), 'aws_error'],
  [
    Object.assign(new Error('getaddrinfo ENOTFOUND sts'), { code: 'ENOTFOUND' }),
    'connection_failed',
  ],
])('%s is explained', (error, code) => {
  expect(explained(error)).toMatchObject({ code, fix: expect.stringMatching(/\w/), cause: error })
})

test('a mistake of our own is not dressed up as one of AWS', () => {
  const error = new TypeError('x is not a function')
  expect(explained(error)).toBe(error)
})
