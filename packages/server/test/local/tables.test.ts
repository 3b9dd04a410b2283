import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
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

test('the tables of the template can be used at once', async () => {
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

async function temporary() {
  const folder = await mkdtemp(join(tmpdir(), 'tables-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

test('a folder keeps the tables from one start to the next', async () => {
  const folder = await temporary()
  const first = await start([TABLE], folder)
  await first.client.send(new PutItemCommand({ TableName: 'table', Item: { id } }))
  await first.close()

  const second = await start([TABLE], folder)
  const { Item } = await second.client.send(new GetItemCommand({ TableName: 'table', Key: { id } }))
  expect(Item).toEqual({ id })
})

test('a folder is free again after its gateway was killed', async () => {
  const folder = await temporary()
  await writeFile(join(folder, 'gateway.pid'), '999999999')
  await start([TABLE], folder)
})

test('without a folder they start empty', async () => {
  const first = await start([TABLE])
  await first.client.send(new PutItemCommand({ TableName: 'table', Item: { id } }))
  const second = await start([TABLE])
  const { Item } = await second.client.send(new GetItemCommand({ TableName: 'table', Key: { id } }))
  expect(Item).toBeUndefined()
})

test('a folder with tables of another form is refused', async () => {
  const folder = await temporary()
  await (await start([TABLE], folder)).close()
  const other = {
    ...TABLE,
    KeySchema: [{ AttributeName: 'name', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'name', AttributeType: 'S' }],
  }
  await expect(start([other], folder)).rejects.toThrow('--data another folder')
})

test('a folder that another gateway uses is refused', async () => {
  const folder = await temporary()
  await start([TABLE], folder)
  await expect(start([TABLE], folder)).rejects.toMatchObject({
    code: 'data_in_use',
    message: expect.stringContaining(folder),
  })
})
