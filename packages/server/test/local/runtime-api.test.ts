import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'

import { startRuntimeApi } from '../../src/local/runtime-api.ts'
import { until } from './fixture.ts'

const HEAD = 'Host: x\r\nContent-Type: text/plain\r\n'
const NEXT = `GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n${HEAD}\r\n`
const RESPONSE = `POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\n${HEAD}`
const INVOCATION = { requestId: '1', event: '{}', functionArn: 'arn', traceId: 'Root=1' }

async function start() {
  const onIdle = vi.fn()
  const api = await startRuntimeApi({
    onIdle,
    onInitError() {},
    onTruncatedOutput: async () => ({ errorType: 'truncated', errorMessage: '' }),
  })
  onTestFinished(api.close)

  /** A connection of the process, with the text that it received. */
  const open = () => {
    const [host, port] = api.address.split(':')
    const socket = connect(Number(port), host)
    const received = { text: '' }
    socket.on('error', () => {
      // The server is closed at the end of the test.
    })
    socket.on('data', chunk => {
      received.text += chunk
    })
    return { socket, received }
  }
  const first = open()
  first.socket.write(NEXT)
  await until(() => onIdle.mock.calls.length === 1)
  const output = api.deliver(INVOCATION, Date.now())
  await until(() => first.received.text.endsWith('{}'))
  return { api, onIdle, open, first, output }
}

// AWS's runtime client does this after a failure. If the process were frozen now, the rest of the
// response would never be sent.
test('a process that asks for the next event during its response is not idle yet', async () => {
  const { onIdle, open, first, output } = await start()
  first.socket.write(
    `${RESPONSE}Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n`,
  )
  const stream = await output
  const second = open()
  second.socket.write(
    `POST /2018-06-01/runtime/init/error HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\n{}${NEXT}`,
  )
  // The response to the first request shows that the server has read the second one, too.
  await until(() => second.received.text.includes('202'))
  expect(onIdle).toHaveBeenCalledTimes(1)

  first.socket.write('0\r\n\r\n')
  await until(() => onIdle.mock.calls.length === 2)
  expect(stream).toMatchObject({ type: 'stream', contentType: 'text/plain' })
})

test('accepts a response that was sent just before the process ended', async () => {
  const { api, first, output } = await start()
  first.socket.end(`${RESPONSE}Content-Length: 4\r\n\r\ntrue`)
  await new Promise(resolve => first.socket.once('finish', resolve))
  expect(await api.abandon({ errorType: 'Runtime.ExitError', errorMessage: '' })).toBe(false)
  expect(await output).toEqual({ type: 'buffered', body: Buffer.from('true') })
})

test('fails the invocation of a process that ended without a response', async () => {
  const { api, first, output } = await start()
  first.socket.destroy()
  const error = { errorType: 'Runtime.ExitError', errorMessage: 'exit status 1' }
  expect(await api.abandon(error)).toBe(true)
  expect(await output).toEqual({ type: 'error', error })
})
