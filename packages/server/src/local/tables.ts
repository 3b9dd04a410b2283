import type { Server } from 'node:http'
import dynalite from 'dynalite'
import { REGION } from './functions.ts'
import { listen } from './server.ts'
import type { Table } from './stack.ts'

/** The stack's tables in a DynamoDB of our own, in memory or in `folder`. Returns the server with its port. */
export async function startTables(
  tables: Table[],
  folder: string | undefined,
): Promise<{ server: Server; port: number }> {
  // The waits would be half a second each, as if AWS were at work.
  const none = { createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 }
  const server: Server = dynalite({ ...none, ...(folder && { path: folder }) })
  const port = await listen(server)
  try {
    for (const table of tables) await create(port, table)
  } catch (error) {
    server.close()
    throw error
  }
  return { server, port }
}

async function create(port: number, { TableName, KeySchema, ...rest }: Table) {
  // What it does not know, such as time to live, it would silently ignore or refuse.
  const { AttributeDefinitions, BillingMode, GlobalSecondaryIndexes } = rest
  const { error } = await call(port, 'CreateTable', {
    TableName,
    KeySchema,
    AttributeDefinitions,
    BillingMode,
    GlobalSecondaryIndexes,
  })
  if (!error) return
  if (!error.includes('ResourceInUseException'))
    throw new Error(`Could not create the table ${TableName}: ${error}`)

  const { answer } = await call(port, 'DescribeTable', { TableName })
  if (JSON.stringify(answer.Table?.KeySchema) !== JSON.stringify(KeySchema))
    throw new Error(
      `The table ${TableName} was kept by a version with other keys: give --data another folder, or empty it`,
    )
}

async function call(port: number, operation: string, input: object) {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20200101T000000Z',
      // It asks for a signature and does not look at it.
      authorization: `AWS4-HMAC-SHA256 Credential=local/20200101/${REGION}/dynamodb/aws4_request, SignedHeaders=host, Signature=none`,
    },
    body: JSON.stringify(input),
  })
  const answer = (await response.json()) as { __type?: string; Table?: { KeySchema: unknown } }
  return { answer, error: response.ok ? undefined : JSON.stringify(answer) }
}
