import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { REGION } from './function-arn.ts'
import type { Table } from './stack.ts'

/** The stack's tables in a DynamoDB of our own, in memory or in `folder`. */
export async function startTables(
  tables: Table[],
  folder: string | undefined,
): Promise<{ port: number; close(): Promise<void> }> {
  const release = folder ? await occupy(folder) : async () => {}
  const server = fork(SERVER, folder ? [join(folder, 'tables')] : [], { execArgv: [] })
  try {
    const port = await portOf(server)
    for (const table of tables) await create(port, table)
    return { port, close }
  } catch (error) {
    await close()
    throw error
  }

  async function close() {
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGKILL') // the database on disk survives that, as it survives the gateway's own
      await once(server, 'exit')
    }
    await release()
  }
}

const SERVER = join(
  dirname(createRequire(import.meta.url).resolve('@markvp/mcp-lambda-sam/package.json')),
  'bin/dynamodb.js',
)

function portOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('message', resolve)
    server.once('error', reject)
    server.once('exit', code =>
      reject(new Error(`The tables could not be started (exit status ${code})`)),
    )
  })
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
