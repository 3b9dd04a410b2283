import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { builtFolder } from '../built-package.ts'
import { LocalError } from './errors.ts'
import { REGION } from './function-arn.ts'
import type { Table } from './stack.ts'

/**
 * Starts a DynamoDB emulator with the stack's tables, in memory or in `folder`. Rejects with a
 * `LocalError`: `data_in_use`, `data_incompatible` or `tables_not_started`.
 */
export async function startTables(
  tables: Table[],
  folder: string | undefined,
): Promise<{ port: number; close(): Promise<void> }> {
  const unlock = folder ? await lock(folder) : async () => {}
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
      // The journal on disk survives a SIGKILL.
      server.kill('SIGKILL')
      await once(server, 'exit')
    }
    await unlock()
  }
}

const SERVER = join(builtFolder(), 'dynamodb/server.js')

function portOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('message', resolve)
    server.once('error', cause => reject(notStarted(cause.message, cause)))
    server.once('exit', code => reject(notStarted(`exit status ${code}`)))
  })
}

const notStarted = (reason: string, cause?: unknown) =>
  new LocalError(
    'tables_not_started',
    `The DynamoDB process could not be started (${reason})`,
    'Look for the reason in the lines above. If you use --data, try without it.',
    { cause },
  )

/** Locks the folder for one gateway: the database itself does not say why it fails. */
async function lock(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'gateway.pid')
  await mkdir(folder, { recursive: true })
  while (!create()) {
    const pid = Number(await readFile(file, 'utf8').catch(() => ''))
    if (pid > 0 && isAlive(pid))
      throw new LocalError(
        'data_in_use',
        `${folder} is in use by the gateway with the process id ${pid}`,
        `End that gateway, or choose another folder with --data. If there is no such gateway, delete ${file}.`,
      )
    await rm(file, { force: true })
  }
  return () => rm(file, { force: true })

  /** At once, so that no other gateway sees the file without its number. */
  function create(): boolean {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: the process belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function create(port: number, { TableName, KeySchema, ...rest }: Table) {
  // Only these properties: the emulator ignores or refuses others, such as time to live.
  const { AttributeDefinitions, BillingMode, GlobalSecondaryIndexes } = rest
  const { error } = await call(port, 'CreateTable', {
    TableName,
    KeySchema,
    AttributeDefinitions,
    BillingMode,
    GlobalSecondaryIndexes,
  })
  if (!error) return untilActive(port, TableName)
  if (!error.includes('ResourceInUseException'))
    throw new LocalError(
      'tables_not_started',
      `Could not create the table ${TableName}: ${error}`,
      'Report this: the template has a table that the local gateway cannot create.',
    )

  const { response } = await call(port, 'DescribeTable', { TableName })
  if (JSON.stringify(response.Table?.KeySchema) !== JSON.stringify(KeySchema))
    throw new LocalError(
      'data_incompatible',
      `The table ${TableName} was created by a version of this package with other keys`,
      'Choose another folder with --data, or empty this one.',
    )
}

/** dynalite creates a table in the background: with a folder, after its journal was flushed. */
async function untilActive(port: number, TableName: string) {
  for (;;) {
    const { response } = await call(port, 'DescribeTable', { TableName })
    if (response.Table?.TableStatus === 'ACTIVE') return
    await sleep(2)
  }
}

async function call(port: number, operation: string, input: object) {
  const http = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20200101T000000Z',
      // The emulator requires a signature but does not verify it.
      authorization: `AWS4-HMAC-SHA256 Credential=local/20200101/${REGION}/dynamodb/aws4_request, SignedHeaders=host, Signature=none`,
    },
    body: JSON.stringify(input),
  })
  const response = (await http.json()) as {
    __type?: string
    Table?: { KeySchema: unknown; TableStatus: string }
  }
  return { response, error: http.ok ? undefined : JSON.stringify(response) }
}
