import { expect, test } from 'vitest'

import { CAN_FREEZE } from '../../src/local/processes.ts'
import { allFrozen, eventually, startSignal, temporaryFolder, until } from './fixture.ts'
import { startClient } from './lambda-client.ts'
import { get, open, sign } from './signed-request.ts'

test('runs consecutive invocations in one process and concurrent ones in several', async () => {
  const { invoke, pids } = await startClient()
  const first = (await invoke('buffered', { case: 'calls' })).json()
  await allFrozen({ pids })
  expect((await invoke('buffered', { case: 'calls' })).json()).toEqual({ ...first, calls: 2 })

  await allFrozen({ pids })
  const meeting = { case: 'meet', folder: await temporaryFolder(), count: 4 }
  const together = await Promise.all(
    Array.from({ length: 4 }, async () => (await invoke('buffered', meeting)).json()),
  )
  expect(new Set(together).size).toBe(4)
  expect(together).toContain(first.pid)
})

test('reuses the process that was used last', async () => {
  const { invoke, pids } = await startClient()
  const meeting = { case: 'meet', folder: await temporaryFolder(), count: 4 }
  await Promise.all(Array.from({ length: 4 }, () => invoke('buffered', meeting)))
  await allFrozen({ pids })
  const { pid } = (await invoke('buffered', { case: 'calls' })).json()
  await allFrozen({ pids })
  expect((await invoke('buffered', { case: 'calls' })).json()).toMatchObject({ pid })
})

test('measures the time-out of each invocation from its own start', async () => {
  const { invoke, pids } = await startClient({ timeouts: { functions: 1 } })
  const { pid } = (await invoke('buffered', { case: 'calls' })).json()
  await allFrozen({ pids })
  // It runs into its time-out of one second, so the first time-out would have passed as well.
  await invoke('streaming', { case: 'silent' })
  expect((await invoke('buffered', { case: 'calls' })).json()).toEqual({ calls: 2, pid })
})

test('throttles invocations above the limit with 429 until a running one has ended', async () => {
  const started: object[] = []
  const { invoke } = await startClient({ concurrency: 3, onInvocation: it => started.push(it) })
  const signal = await startSignal()
  const event = { case: 'until-file', file: signal.file }
  const running = Array.from({ length: 3 }, () => invoke('buffered', event))
  await until(() => started.length === 3)

  const refused = await Promise.allSettled(
    Array.from({ length: 4 }, () => invoke('buffered', event)),
  )
  expect(
    refused.map(it => it.status === 'rejected' && [it.reason.name, statusOf(it.reason)]),
  ).toEqual(Array(4).fill(['TooManyRequestsException', 429]))

  await signal.give()
  const pids = (await Promise.all(running)).map(it => it.json())
  expect(new Set(pids).size).toBe(3)
  await eventually(async () => expect(pids).toContain((await invoke('buffered', event)).json()))
})

const statusOf = (error: { $metadata: { httpStatusCode: number } }) =>
  error.$metadata.httpStatusCode

test('a Function URL responds with 429 at the limit', async () => {
  const { mcpUrl } = await startClient({ concurrency: 1, timeouts: { mcp: 60 } })
  const stream = await open(mcpUrl, await sign(mcpUrl, { target: '/never-ends' }))
  expect(await get(mcpUrl, '/raw')).toMatchObject({
    status: 429,
    headers: { 'x-amzn-errortype': 'TooManyRequestsException' },
    body: '{"Message":"Rate Exceeded."}',
  })
  stream.destroy()
})

test('a limit of 0 refuses every invocation', async () => {
  const { mcpUrl, pids } = await startClient({ concurrency: 0 })
  expect(await get(mcpUrl, '/raw')).toMatchObject({ status: 429 })
  expect(pids()).toEqual([])
})

test('replaces a process that its function has ended', async () => {
  const { invoke, pids } = await startClient()
  const before = (await invoke('buffered', { case: 'calls' })).json()
  await allFrozen({ pids })
  await invoke('buffered', { case: 'exit' })
  const after = (await invoke('buffered', { case: 'calls' })).json()
  expect(after).toEqual({ calls: 1, pid: expect.any(Number) })
  expect(after.pid).not.toBe(before.pid)
  expect(pids()).toEqual([after.pid])
})

test('replaces a process that was killed from outside', async () => {
  const { invoke, pids } = await startClient()
  const { pid } = (await invoke('buffered', { case: 'calls' })).json()
  process.kill(pid, 'SIGKILL')
  await until(() => pids().length === 0)
  expect((await invoke('buffered', { case: 'calls' })).json()).toMatchObject({ calls: 1 })
})

test('fails an invocation whose init exceeds ten seconds', async () => {
  const { invoke, pids } = await startClient()
  const output = await invoke('endless', {})
  expect(output.functionError).toBe('Unhandled')
  expect(output.json()).toEqual({
    errorType: 'Sandbox.Timedout',
    errorMessage: 'Init timed out after 10.00 seconds',
  })
  expect(pids()).toEqual([])
})

test('an execution environment stays busy after its response until its handler has returned', async () => {
  const signal = await startSignal()
  const local = await startClient({ concurrency: 1, timeouts: { mcp: 60 } })
  const { body } = await get(local.mcpUrl, `/after-end?go=${encodeURIComponent(signal.file)}`)
  expect(body).toBe(String(local.pids()[0]))
  expect(await get(local.mcpUrl, '/raw')).toMatchObject({ status: 429 })
  await signal.give()
  await eventually(async () =>
    expect(await get(local.mcpUrl, '/raw')).toMatchObject({ status: 200 }),
  )
  expect(local.logged('worked on')).toBe(true)
})

test('logs a failure after the response', async () => {
  const local = await startClient()
  expect(await get(local.mcpUrl, '/exit-after-end')).toMatchObject({ status: 200, body: 'all' })
  await until(() => local.logged('exit status 5'))
})

test.skipIf(!CAN_FREEZE)('freezes an idle process, so that its timers do not run', async () => {
  const { invoke, pids } = await startClient()
  const frozenTicks = async () => (await invoke('ticking', {})).json()
  const before = await frozenTicks()
  await allFrozen({ pids })
  // Meanwhile another process sees 400 ticks of a timer with the same interval.
  expect((await invoke('buffered', { case: 'ticks', count: 400 })).json()).toBe(400)
  expect((await frozenTicks()) - before).toBeLessThan(200)
})

test.skipIf(!CAN_FREEZE)(
  'survives 150 invocations with failures between them and a freeze after each',
  async () => {
    const { mcpUrl } = await startClient()
    for (let i = 0; i < 150; i++) {
      const [target, status] = i % 3 === 0 ? ['/throw-before', 502] : ['/stream', 201]
      expect(await get(mcpUrl, String(target))).toMatchObject({ status })
    }
  },
)

test('calls onInvocation for each invocation, with the process that runs it', async () => {
  const seen: object[] = []
  const { mcpUrl, invoke } = await startClient({ onInvocation: it => seen.push(it) })
  const { body, headers } = await get(mcpUrl, '/echo?a=1')
  const { json } = await invoke('buffered', { case: 'calls' })
  expect(seen).toEqual([
    {
      functionName: 'own-streaming',
      requestId: headers['x-amzn-requestid'],
      pid: JSON.parse(body).pid,
      method: 'GET',
      path: '/echo',
    },
    { functionName: 'buffered', requestId: expect.any(String), pid: json().pid },
  ])
})
