import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb'
import { expect, onTestFinished, test } from 'vitest'

import { readStack, type Table } from '../../src/local/stack.ts'
import { startTables } from '../../src/local/tables.ts'
import { temporaryFolder } from './fixture.ts'

const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8')

async function start(tables: Table[], folder?: string) {
  const local = await startTables(tables, folder)
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${local.port}`,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
  })
  const close = async () => {
    client.destroy()
    await local.close()
  }
  onTestFinished(close)
  return { client, close }
}

test('creates the tables of the template', async () => {
  const { tables } = readStack(template, '/dist')
  const { client } = await start(tables)
  for (const { TableName, KeySchema, AttributeDefinitions } of tables) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }))
    expect(Table).toMatchObject({ TableStatus: 'ACTIVE', KeySchema, AttributeDefinitions })
  }
})

const TABLE: Table = {
  TableName: 'table',
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
}
const id = { S: '1' }

test('keeps the tables in a folder between starts', async () => {
  const folder = await temporaryFolder()
  const first = await start([TABLE], folder)
  await first.client.send(new PutItemCommand({ TableName: 'table', Item: { id } }))
  await first.close()

  const second = await start([TABLE], folder)
  const { Item } = await second.client.send(new GetItemCommand({ TableName: 'table', Key: { id } }))
  expect(Item).toEqual({ id })
})

test('unlocks the folder of a gateway that was killed', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'gateway.pid'), '999999999')
  await start([TABLE], folder)
})

test('starts with empty tables without a folder', async () => {
  const first = await start([TABLE])
  await first.client.send(new PutItemCommand({ TableName: 'table', Item: { id } }))
  const second = await start([TABLE])
  const { Item } = await second.client.send(new GetItemCommand({ TableName: 'table', Key: { id } }))
  expect(Item).toBeUndefined()
})

test('refuses a folder whose tables have other keys', async () => {
  const folder = await temporaryFolder()
  await (await start([TABLE], folder)).close()
  const other = {
    ...TABLE,
    KeySchema: [{ AttributeName: 'name', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'name', AttributeType: 'S' }],
  }
  await expect(start([other], folder)).rejects.toMatchObject({
    code: 'data_incompatible',
    message: expect.stringContaining('table'),
    hint: expect.stringContaining('another folder with --data'),
  })
})

test('refuses a folder that another gateway uses', async () => {
  const folder = await temporaryFolder()
  await start([TABLE], folder)
  await expect(start([TABLE], folder)).rejects.toMatchObject({
    code: 'data_in_use',
    message: expect.stringContaining(folder),
    hint: expect.stringContaining('gateway.pid'),
  })
})

test('refuses one of two gateways that begin to use a folder at the same time', async () => {
  const folder = await temporaryFolder()
  const both = await Promise.allSettled([start([TABLE], folder), start([TABLE], folder)])
  expect(both.map(it => it.status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(both.find(it => it.status === 'rejected')?.reason).toMatchObject({ code: 'data_in_use' })
})
