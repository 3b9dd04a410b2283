import { randomBytes } from 'node:crypto'

import { afterAll, beforeAll, expect, test } from 'vitest'

import type { SendOperation } from '../../src/dynamodb/dynamodb.ts'
import { passOnEarlierStreams } from '../../src/gateway/sse/earlier-streams.ts'
import { createLoggedOutbox } from '../../src/gateway/sse/outbox.ts'
import { createEventStream } from '../../src/gateway/wire/event-stream.ts'
import { dynamoEventStore } from '../../src/session-table/dynamo-event-store.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { type Message, messages, toWeb } from '../support/event-stream.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

const storeOf = (around?: (send: SendOperation) => SendOperation) =>
  dynamoEventStore(emulator.dynamo(around), emulator.tables.SessionTable, 45)

const responseTo = (id: string, length = 0) =>
  JSON.stringify({ jsonrpc: '2.0', id, result: { text: 'x'.repeat(length) } })

/** What the streams 1, 2, … of a session have sent, by their numbers. */
async function storeStreams(sent: string[][]) {
  const session = randomBytes(18).toString('base64url')
  for (const [n, texts] of sent.entries()) {
    const log = storeOf().open({ session, stream: String(n + 1) }, [])
    for (const text of texts) await log.add(text)
    await log.close()
  }
  return session
}

/** Passes on what the earlier streams have, and calls back for each message that is read. */
async function passOn(
  session: string,
  openBefore: Map<number, string[]>,
  onMessage: (message: Message) => void,
  around?: (send: SendOperation) => SendOperation,
) {
  const eventStore = storeOf(around)
  const events = createEventStream()
  const reading = messages(toWeb(events.response), onMessage)
  const earlier = new Map([...openBefore.keys()].map(it => [it, 0]))
  const stream = openBefore.size + 1
  const log = storeOf().open({ session, stream: String(stream) }, [])
  await passOnEarlierStreams({
    sessionId: session,
    eventStore,
    outbox: createLoggedOutbox({ sessionId: session, events, stream, earlier, log }),
    earlier,
    openBefore,
    signal: new AbortController().signal,
    onPassed: () => {},
  })
  await events.end()
  await reading
}

test('a page is read once the page of another stream is passed on', async () => {
  const session = await storeStreams([[responseTo('a'), responseTo('b')], [responseTo('c')]])
  const seen: unknown[] = []
  const around: (send: SendOperation) => SendOperation = send => (operation, input) => {
    if (operation === 'Query') seen.push('read')
    return send(operation, input)
  }
  const openBefore = new Map([
    [1, ['a', 'b']],
    [2, ['c']],
  ])
  await passOn(session, openBefore, ({ id }) => seen.push(id), around)
  expect(seen.slice(0, 5)).toEqual(['read', 'a', 'b', 'read', 'c'])
})

test('a response of which a part has expired has an unknown outcome', async () => {
  const session = await storeStreams([[responseTo('long', 500_000), responseTo('short')]])
  const withoutParts: (send: SendOperation) => SendOperation = send => async (operation, input) => {
    const output = await send(operation, input)
    const { position } = (input as { Key?: { position?: { S?: string } } }).Key ?? {}
    return operation === 'GetItem' && position?.S === 'part' ? {} : output
  }
  const answers = new Map<unknown, unknown>()
  const onMessage = ({ id, error }: Message) => void answers.set(id, error?.data)
  await passOn(session, new Map([[1, ['long', 'short']]]), onMessage, withoutParts)
  expect(answers).toEqual(
    new Map([
      ['short', undefined],
      ['long', { reason: 'outcome-unknown', retrySafe: false }],
    ]),
  )
})
