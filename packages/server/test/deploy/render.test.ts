import { expect, test } from 'vitest'

import { changesText, eventLine } from '../../src/cli/render.ts'
import { firstFailure } from '../../src/deploy/stack-events.ts'

test('shows which resources are created, changed, replaced and removed', () => {
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
    '  ! Table  AWS::DynamoDB::Table   REPLACED: a new one is created, the old one is deleted',
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

test('shows the reason of an event only for a failure', () => {
  expect(eventLine(event('A', 'CREATE_FAILED', 'it is there already'))).toBe(
    '00:00:00  CREATE_FAILED                 A (T): it is there already',
  )
  expect(eventLine(event('A', 'CREATE_IN_PROGRESS', 'User Initiated'))).toBe(
    '00:00:00  CREATE_IN_PROGRESS            A (T)',
  )
})

test('the first failure is not one of the resources that it cancelled', () => {
  expect(
    firstFailure([
      event('A', 'CREATE_IN_PROGRESS'),
      event('B', 'CREATE_FAILED', 'Resource creation cancelled'),
      event('C', 'CREATE_FAILED', 'no such subnet'),
      event('stack', 'ROLLBACK_IN_PROGRESS', 'The following resource(s) failed: [B, C]'),
    ]),
  ).toMatchObject({ logicalId: 'C' })
})
