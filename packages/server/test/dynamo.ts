import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { CreateTableCommand, DynamoDBClient, type KeyType } from '@aws-sdk/client-dynamodb'
import dynalite from 'dynalite'

export interface Emulator {
  endpoint: string
  tables: { SessionTable: string; RegistrationTable: string }
  /** A client of its own each time, as every environment has. */
  client(): DynamoDBClient
  close(): Promise<void>
}

const KEYS = {
  SessionTable: ['channel', 'position'],
  RegistrationTable: ['type', 'name'],
} as const

/** An emulated DynamoDB on a free port, with the tables of the stack. */
export async function startDynamo(): Promise<Emulator> {
  const server: Server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = () =>
    new DynamoDBClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    })
  for (const [TableName, names] of Object.entries(KEYS))
    await client().send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: names.map(name => ({ AttributeName: name, AttributeType: 'S' })),
        KeySchema: names.map((name, n) => ({
          AttributeName: name,
          KeyType: (n === 0 ? 'HASH' : 'RANGE') as KeyType,
        })),
      }),
    )
  return {
    endpoint,
    tables: { SessionTable: 'SessionTable', RegistrationTable: 'RegistrationTable' },
    client,
    close: () => new Promise(closed => server.close(() => closed())),
  }
}
