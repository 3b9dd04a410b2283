import { QueryCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { dynamoRevocations } from '../../src/registration/invoke-permission/dynamo-revocations.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { revocationsSuite } from '../suites/revocations.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

const make = () => dynamoRevocations(emulator.dynamo(), emulator.tables.RegistrationTable)

describe('revocations in DynamoDB', () => {
  revocationsSuite(make)

  test('are no registrations, and expire after a week', async () => {
    const revocation = await make().begin('tool-a', 'arn')
    const TableName = emulator.tables.RegistrationTable
    for await (const { id } of dynamoRegistry(emulator.dynamo(), TableName).list()) expect.fail(id)
    const { Items = [] } = await emulator.client().send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: '#type = :type',
        ExpressionAttributeNames: { '#type': 'type' },
        ExpressionAttributeValues: { ':type': { S: '#revocation' } },
      }),
    )
    const week = 7 * 24 * 3_600
    const expiresAt = { N: String(Math.floor(revocation.at / 1000) + week) }
    expect(Items.find(it => it['at']?.N === String(revocation.at))).toMatchObject({ expiresAt })
  })
})
