import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import { afterAll } from 'vitest'

import { readStack } from '../../src/local/stack.ts'
import { startTables } from '../../src/local/tables.ts'

const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8')

export interface Emulator {
  tables: { SessionTable: string; RegistrationTable: string }
  /** Returns a new client each time, because every environment has its own. */
  client(): DynamoDBClient
  close(): Promise<void>
}

// A test file starts one process, because a process costs more than most tests.
let server: ReturnType<typeof startTables> | undefined
afterAll(async () => (await server)?.close())

/** Creates the tables of the stack, empty and under new names, in an emulated DynamoDB. */
export async function startDynamo(): Promise<Emulator> {
  server ??= startTables([], undefined)
  const { port } = await server
  const clients: DynamoDBClient[] = []
  const prefix = randomUUID()
  const table = async (suffix: string) => {
    const properties = readStack(template, '/dist').tables.find(it => it.TableName.endsWith(suffix))
    const { KeySchema, AttributeDefinitions, BillingMode } = properties as CreateTableCommandInput
    const TableName = `${prefix}-${suffix}`
    await client().send(
      new CreateTableCommand({ TableName, KeySchema, AttributeDefinitions, BillingMode }),
    )
    return TableName
  }
  return {
    tables: {
      SessionTable: await table('SessionTable'),
      RegistrationTable: await table('RegistrationTable'),
    },
    client,
    async close() {
      for (const client of clients) client.destroy()
    },
  }

  function client() {
    const client = new DynamoDBClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    })
    clients.push(client)
    return client
  }
}
