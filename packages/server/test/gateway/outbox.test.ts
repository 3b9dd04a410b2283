import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { expect, test } from 'vitest'

import { createOutbox } from '../../src/gateway/sse/outbox.ts'
import { createEventStream } from '../../src/gateway/wire/event-stream.ts'
import { messages, toWeb } from '../support/event-stream.ts'

const MB = 1024 * 1024

function open() {
  const events = createEventStream()
  return { events, outbox: createOutbox('s', events) }
}

/** Whether the work is done after everything that is due now. */
async function isDone(work: Promise<unknown>): Promise<boolean> {
  let done = false
  void work.then(() => {
    done = true
  })
  await setImmediate()
  return done
}

test('what its reader has read does not stay in memory', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const heap = () => {
    gc()
    return process.memoryUsage().heapUsed / MB
  }
  const { events, outbox } = open()
  const reading = messages(toWeb(events.response), () => {})
  const before = heap()
  for (let n = 0; n < 40; n++) await outbox.send(`{"id":${n},"result":"${'x'.repeat(MB)}"}`, n)
  const grown = heap() - before
  await events.end()
  await reading
  expect(grown).toBeLessThan(15)
})

test('a large result waits for the room that others take, a small one does not', async () => {
  const { outbox } = open()
  const [first, second, small] = [outbox.hold(), outbox.hold(), outbox.hold()]
  expect(await isDone(first.take(5 * MB))).toBe(true)
  const waiting = second.take(5 * MB)
  expect(await isDone(waiting)).toBe(false)
  expect(await isDone(small.take(1_000))).toBe(true)
  first.release()
  await waiting
})

test('a large result waits for a reader that has not read the last ones', async () => {
  const { events, outbox } = open()
  const sent = outbox.send(`{"id":1,"result":"${'x'.repeat(5 * MB)}"}`, 1)
  const waiting = outbox.hold().take(5 * MB)
  expect(await isDone(waiting)).toBe(false)
  const reading = messages(toWeb(events.response), () => {})
  await Promise.all([sent, waiting])
  await events.end()
  await reading
})

test('a result goes alone where it is larger than the room for all', async () => {
  const { outbox } = open()
  expect(await isDone(outbox.hold().take(100 * MB))).toBe(true)
})

test('a call that was given up takes no room', async () => {
  const { outbox } = open()
  const [first, second, third] = [outbox.hold(), outbox.hold(), outbox.hold()]
  await first.take(8 * MB)
  const waiting = second.take(8 * MB)
  second.release()
  await waiting
  first.release()
  await third.take(8 * MB)
})
