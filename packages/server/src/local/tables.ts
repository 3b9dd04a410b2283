import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import dynalite from 'dynalite'
import { REGION } from './functions.ts'
import { closeServer, listen } from './server.ts'
import type { Table } from './stack.ts'

/** The stack's tables in a DynamoDB of our own, in memory or in `folder`. */
export async function startTables(
  tables: Table[],
  folder: string | undefined,
): Promise<{ port: number; close(): Promise<void> }> {
  const release = folder ? await occupy(folder) : async () => {}
  const server = dynalite({
    ...(folder && { path: join(folder, 'tables') }),
    // The waits would be half a second each, as if AWS were at work.
    ...{ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 },
  })
  // It throws when a request breaks off, and a function that is killed breaks its requests off.
  server.on('request', request => request.removeAllListeners('error').on('error', () => {}))
  try {
    const port = await listen(server)
    for (const table of tables) await create(port, table)
    return { port, close }
  } catch (error) {
    await close()
    throw error
  }

  async function close() {
    await closeServer(server)
    await release()
  }
}

/** One gateway at a time: to a second one the database would not say what is wrong. */
async function occupy(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'gateway.pid')
  await mkdir(folder, { recursive: true })
  const pid = Number(await readFile(file, 'utf8').catch(() => ''))
  if (pid > 0 && isAlive(pid))
    throw Object.assign(
      new Error(
        `${folder} is in use by the gateway with the process id ${pid}; if there is none, delete ${file}`,
      ),
      { code: 'data_in_use' },
    )
  await writeFile(file, String(process.pid))
  return () => rm(file, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // It is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
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
