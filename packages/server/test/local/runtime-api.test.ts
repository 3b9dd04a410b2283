import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'

import { startRuntimeApi } from '../../src/local/runtime-api.ts'

const HEAD = 'Host: x\r\nContent-Type: text/plain\r\n'
const NEXT = `GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n${HEAD}\r\n`
const RESPONSE = `POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\n${HEAD}`
const INVOCATION = { requestId: '1', event: '{}', functionArn: 'arn', traceId: 'Root=1' }

async function start() {
  const onIdle = vi.fn()
  const api = await startRuntimeApi({
    onIdle,
    onInitError() {},
    onCut: async () => ({ errorType: 'cut', errorMessage: '' }),
  })
  onTestFinished(api.close)

  /** A connection of the process, and what came back on it. */
  const open = () => {
    const [host, port] = api.address.split(':')
    const socket = connect(Number(port), host)
    const received = { text: '' }
    socket.on('error', () => {
      // the server has been closed at the end of the test
    })
    socket.on('data', chunk => {
      received.text += chunk
    })
    return { socket, received }
  }
  const first = open()
  first.socket.write(NEXT)
  await vi.waitUntil(() => onIdle.mock.calls.length === 1)
  const reply = api.deliver(INVOCATION, Date.now())
  await vi.waitUntil(() => first.received.text.endsWith('{}'))
  return { api, onIdle, open, first, reply }
}

// AWS's runtime client does so after a failure. Were the process stopped then, the rest would never come.
test('who asks for the next event before its response has ended is not idle yet', async () => {
  const { onIdle, open, first, reply } = await start()
  first.socket.write(
    `${RESPONSE}Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n`,
  )
  const stream = await reply
  const second = open()
  second.socket.write(
    `POST /2018-06-01/runtime/init/error HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\n{}${NEXT}`,
  )
  // The first of the two is answered, so the second has been seen.
  await vi.waitUntil(() => second.received.text.includes('202'))
  expect(onIdle).toHaveBeenCalledTimes(1)

  first.socket.write('0\r\n\r\n')
  await vi.waitUntil(() => onIdle.mock.calls.length === 2)
  expect(stream).toMatchObject({ type: 'stream', contentType: 'text/plain' })
})

test('a response that was sent just before the process ended still counts', async () => {
  const { api, first, reply } = await start()
  first.socket.end(`${RESPONSE}Content-Length: 4\r\n\r\ntrue`)
  await new Promise(resolve => first.socket.once('finish', resolve))
  expect(await api.abandon({ errorType: 'gone', errorMessage: '' })).toBe(false)
  expect(await reply).toEqual({ type: 'buffered', body: Buffer.from('true') })
})

test('a process that ends without a response is answered for', async () => {
  const { api, first, reply } = await start()
  first.socket.destroy()
  const error = { errorType: 'gone', errorMessage: 'for good' }
  expect(await api.abandon(error)).toBe(true)
  expect(await reply).toEqual({ type: 'error', error })
})
