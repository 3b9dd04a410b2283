import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import { type DynamoDb, dynamoDb, type SendOperation } from '../../src/dynamodb/dynamodb.ts'
import { signedOperations } from '../../src/dynamodb/signed-operations.ts'
import { readStack } from '../../src/local/stack.ts'
import { startTables } from '../../src/local/tables.ts'

// Read once: parsing the template takes longer than most tests.
const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8')
const stackTables = readStack(template, '/dist').tables

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }

export interface Emulator {
  tables: { SessionTable: string; RegistrationTable: string }
  url: string
  /**
   * The product's client: a new one each time, because every environment has its own. `around` may
   * change what becomes of an operation, `url` may be that of a proxy.
   */
  dynamo(around?: (send: SendOperation) => SendOperation, url?: string): DynamoDb
  /** The AWS SDK, for what a test itself reads and writes. */
  client(): DynamoDBClient
  close(): Promise<void>
}

// The test files of a worker share one process, because a process costs more than most tests. It
// ends with the worker.
let server: ReturnType<typeof startTables> | undefined

/** Creates the tables of the stack, empty and under new names, in an emulated DynamoDB. */
export async function startDynamo(): Promise<Emulator> {
  server ??= startTables([], undefined)
  const url = `http://127.0.0.1:${(await server).port}`
  const clients: DynamoDBClient[] = []
  const prefix = randomUUID()
  const table = async (suffix: string) => {
    const properties = stackTables.find(it => it.TableName.endsWith(suffix))
    const { KeySchema, AttributeDefinitions, BillingMode } = properties as CreateTableCommandInput
    const TableName = `${prefix}-${suffix}`
    const sdk = client()
    await sdk.send(
      new CreateTableCommand({ TableName, KeySchema, AttributeDefinitions, BillingMode }),
    )
    // The emulator answers before the table is there for requests.
    for (;;) {
      const { Table } = await sdk.send(new DescribeTableCommand({ TableName }))
      if (Table?.TableStatus === 'ACTIVE') return TableName
    }
  }
  const [SessionTable, RegistrationTable] = await Promise.all([
    table('SessionTable'),
    table('RegistrationTable'),
  ])
  return {
    tables: { SessionTable, RegistrationTable },
    url,
    dynamo: (around = send => send, endpoint = url) =>
      dynamoDb(
        around(
          signedOperations({
            service: 'dynamodb',
            region: 'us-east-1',
            endpoint: new URL(endpoint),
            credentials: () => credentials,
          }),
        ),
      ),
    client,
    async close() {
      for (const client of clients) client.destroy()
    },
  }

  function client() {
    const client = new DynamoDBClient({
      endpoint: url,
      region: 'us-east-1',
      credentials,
    })
    clients.push(client)
    return client
  }
}
