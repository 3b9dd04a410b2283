import { readFileSync } from 'node:fs'

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'

import { readStack } from '../../src/local/stack.ts'
import { startTables } from '../../src/local/tables.ts'

const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8')

export interface Emulator {
  tables: { SessionTable: string; RegistrationTable: string }
  /** A new client for each call: every environment has its own. */
  client(): DynamoDBClient
  close(): Promise<void>
}

/** An emulated DynamoDB with the tables of the stack. */
export async function startDynamo(): Promise<Emulator> {
  const { tables } = readStack(template, '/dist')
  const { port, close } = await startTables(tables, undefined)
  const named = (suffix: string) =>
    tables.find(({ TableName }) => TableName.endsWith(suffix))?.TableName ?? suffix
  return {
    tables: { SessionTable: named('SessionTable'), RegistrationTable: named('RegistrationTable') },
    client: () =>
      new DynamoDBClient({
        endpoint: `http://127.0.0.1:${port}`,
        region: 'us-east-1',
        credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      }),
    close,
  }
}
