import { randomUUID } from 'node:crypto'

import {
  BatchGetItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'

import type { SendOperation } from '../../src/dynamodb/dynamodb.ts'
import { signedOperations } from '../../src/dynamodb/signed-operations.ts'
import { isRecord } from '../../src/is-record.ts'
import { dynamoRevocations } from '../../src/registration/invoke-permission/dynamo-revocations.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { dynamoEventStore } from '../../src/session-table/dynamo-event-store.ts'
import { dynamoRelay } from '../../src/session-table/dynamo-relay.ts'
import { dynamoMcpSessions } from '../../src/session-table/dynamo-sessions.ts'
import { dynamoSigningKey } from '../../src/session-table/dynamo-signing-key.ts'
import { dynamoUsedStates } from '../../src/session-table/dynamo-used-states.ts'
import { all, tool } from '../suites/registry.ts'
import { take } from '../suites/relay.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { startAwsServer } from './aws-server.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

/** Operations that the product sends, with what the emulator responded. */
type Sent = { operation: string; input: object; output: unknown }

/** Uses everything that the gateway keeps in its tables. */
async function useTables(): Promise<Sent[]> {
  const sent: Sent[] = []
  const recording = (send: SendOperation) => async (operation: string, input: object) => {
    const output = await send(operation, input)
    sent.push({ operation, input, output })
    return output
  }
  const dynamo = emulator.dynamo(recording)
  const { RegistrationTable, SessionTable } = emulator.tables

  const registry = dynamoRegistry(dynamo, RegistrationTable)
  await registry.create(tool('größe', { description: '"\\ \u2028 😀' }))
  await registry.replace(tool('größe', { version: 2 }), 1)
  await registry.announceUpdate('notes://today')
  await registry.updateTokens(['notes://today', 'notes://yesterday'])
  await registry.version()
  await all(registry.list({ after: { type: 'tool', name: 'a' } }))
  await registry.remove({ type: 'tool', name: 'größe' }, 2)
  const revocations = dynamoRevocations(dynamo, RegistrationTable)
  const revocation = await revocations.begin('tool-a', 'arn')
  await revocations.open(['tool-a'])
  await revocations.end(revocation)

  const pollMs = { busy: 1, idle: 5 }
  const relay = dynamoRelay({ dynamo, table: SessionTable, pollMs, leaseSeconds: 45 })
  const session = { id: randomUUID(), owner: 'me' }
  const inbox = await relay.open(session)
  await relay.post(session, 'a message: ü')
  await relay.post(session, 'x'.repeat(400_000))
  await take(inbox, 2)
  await inbox.renew()
  await inbox.close()

  const sessions = dynamoMcpSessions(dynamo, SessionTable)
  const id = randomUUID()
  const state = { initialize: '{}', protocolVersion: '2025-11-25', registrations: '1' }
  await sessions.create({ id, owner: 'me', ...state })
  await sessions.subscribe(id, 'notes://today', 'token')
  await sessions.begin(id, [1, '1'], { stream: 's', startedAt: 1, until: 1 })
  await sessions.get(id, 'me')
  await sessions.finish(id, [1, '1'], { stream: 's', startedAt: 1, until: 1 })
  await sessions.cancel(id, 1, 2)
  await sessions.cancelled(id)
  await sessions.unsubscribe(id, 'notes://today')
  await sessions.remove(id)

  const events = dynamoEventStore(dynamo, SessionTable, 45)
  const stream = { session: id, stream: randomUUID() }
  const writer = events.open(stream, [1])
  await writer.add('{"n":1}')
  await writer.renew()
  await writer.close()
  await events.read(stream, 0)
  await dynamoSigningKey(dynamo, SessionTable)()
  await dynamoUsedStates(dynamo, SessionTable)(randomUUID())
  return sent
}

const COMMANDS: Record<string, typeof GetItemCommand> = {
  GetItem: GetItemCommand,
  PutItem: PutItemCommand as never,
  UpdateItem: UpdateItemCommand as never,
  DeleteItem: DeleteItemCommand as never,
  Query: QueryCommand as never,
  BatchGetItem: BatchGetItemCommand as never,
}

const HEADERS = ['host', 'content-type', 'content-length', 'x-amz-target', 'x-amz-security-token']

test('every operation is the request of the AWS SDK, and its response is read alike', async () => {
  const sent = await useTables()
  expect(new Set(sent.map(it => it.operation))).toEqual(new Set(Object.keys(COMMANDS)))
  let output: unknown
  const server = await startAwsServer(response => response.end(JSON.stringify(output)))
  const ours = signedOperations({ service: 'dynamodb', ...server.service })
  const theirs = new DynamoDBClient(server.sdk)
  for (const { operation, input, output: given } of sent) {
    output = given
    const Command = COMMANDS[operation]
    if (!Command) return expect.unreachable(operation)
    const { $metadata, ...read } = await theirs.send(new Command(withBytes(input) as never))
    expect(withBytes(await ours(operation, input))).toEqual(read)
    const [their, our] = server.requests.splice(0)
    expect(our?.method).toBe(their?.method)
    expect(our?.url).toBe(their?.url)
    expect(inOrderOf(`${their?.body}`, `${our?.body}`)).toBe(`${their?.body}`)
    for (const name of HEADERS) expect(our?.headers[name], name).toBe(their?.headers[name])
  }
}, 30_000)

/** The SDK writes the members of an input in an order of its own. */
function inOrderOf(theirs: string, ours: string) {
  const names = Object.keys(JSON.parse(theirs))
  const sorted = Object.entries(JSON.parse(ours)).sort(
    ([a], [b]) => names.indexOf(a) - names.indexOf(b),
  )
  return JSON.stringify(Object.fromEntries(sorted))
}

/** The SDK has bytes where DynamoDB's JSON has Base64. */
function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [
      name,
      name === 'B' && typeof it === 'string'
        ? new Uint8Array(Buffer.from(it, 'base64'))
        : withBytes(it),
    ]),
  )
}
