import { expect, test, vi } from 'vitest'

import { CAN_FREEZE } from '../../src/local/processes.ts'
import { settled } from './fixture.ts'
import { startClient } from './lambda-client.ts'
import { get, open, sign } from './signed-request.ts'

test('invocations one after the other share a process, at the same time they do not', async () => {
  const { invoke, pids } = await startClient()
  const first = (await invoke('buffered', { case: 'calls' })).json()
  await settled({ pids })
  expect((await invoke('buffered', { case: 'calls' })).json()).toEqual({ ...first, calls: 2 })

  const together = await Promise.all(
    Array.from({ length: 4 }, async () =>
      (await invoke('buffered', { case: 'wait', ms: 200 })).json(),
    ),
  )
  expect(new Set(together).size).toBe(4)

  // and of several that wait, the one that was used last
  await settled({ pids })
  const { pid } = (await invoke('buffered', { case: 'calls' })).json()
  await settled({ pids })
  expect((await invoke('buffered', { case: 'calls' })).json()).toMatchObject({ pid })
})

test('the time-out of an invocation does not concern the next one', async () => {
  const { invoke, pids } = await startClient({ timeouts: { functions: 1 } })
  const { pid } = (await invoke('buffered', { case: 'calls' })).json()
  await settled({ pids })
  // A second later …
  await invoke('streaming', { case: 'silent' })
  expect((await invoke('buffered', { case: 'calls' })).json()).toEqual({ calls: 2, pid })
})

test('invocations beyond the limit are 429, and are taken again when one has ended', async () => {
  const { invoke } = await startClient({ concurrency: 3 })
  const wait = { case: 'wait', ms: 300 }
  const answers = await Promise.allSettled(
    Array.from({ length: 7 }, () => invoke('buffered', wait)),
  )
  const refused = answers.filter(it => it.status === 'rejected')
  expect(refused.map(it => [it.reason.name, it.reason.$metadata.httpStatusCode])).toEqual(
    Array(4).fill(['TooManyRequestsException', 429]),
  )
  const pids = answers.flatMap(it => (it.status === 'fulfilled' ? [it.value.json()] : []))
  expect(new Set(pids).size).toBe(3)
  await vi.waitFor(async () => expect(pids).toContain((await invoke('buffered', wait)).json()))
})

test('at its limit a Function URL answers 429', async () => {
  const { mcpUrl } = await startClient({ concurrency: 1 })
  const stream = await open(mcpUrl, await sign(mcpUrl, { target: '/never-ends' }))
  expect(await get(mcpUrl, '/raw')).toMatchObject({
    status: 429,
    headers: { 'x-amzn-errortype': 'TooManyRequestsException' },
    body: '{"Message":"Rate Exceeded."}',
  })
  stream.destroy()
})

test('a limit of 0 refuses everything', async () => {
  const { mcpUrl, pids } = await startClient({ concurrency: 0 })
  expect(await get(mcpUrl, '/raw')).toMatchObject({ status: 429 })
  expect(pids()).toEqual([])
})

test('a process that a function has ended is replaced', async () => {
  const { invoke, pids } = await startClient()
  const before = (await invoke('buffered', { case: 'calls' })).json()
  await settled({ pids })
  await invoke('buffered', { case: 'exit' })
  const after = (await invoke('buffered', { case: 'calls' })).json()
  expect(after).toEqual({ calls: 1, pid: expect.any(Number) })
  expect(after.pid).not.toBe(before.pid)
  expect(pids()).toEqual([after.pid])
})

test('a process that somebody else has killed is replaced', async () => {
  const { invoke, pids } = await startClient()
  const { pid } = (await invoke('buffered', { case: 'calls' })).json()
  process.kill(pid, 'SIGKILL')
  await vi.waitUntil(() => pids().length === 0)
  expect((await invoke('buffered', { case: 'calls' })).json()).toMatchObject({ calls: 1 })
})

test('an init that takes too long is a failure like any other', { timeout: 30_000 }, async () => {
  const { invoke, pids } = await startClient()
  const answer = await invoke('endless', {})
  expect(answer.functionError).toBe('Unhandled')
  expect(answer.json()).toEqual({
    errorType: 'Sandbox.Timedout',
    errorMessage: 'Init timed out after 10.00 seconds',
  })
  expect(pids()).toEqual([])
})

test('an environment is busy until its handler has returned, though the response was sent long before', async () => {
  const local = await startClient({ concurrency: 1 })
  const { body } = await get(local.mcpUrl, '/after-end')
  expect(body).toBe(String(local.pids()[0]))
  expect(await get(local.mcpUrl, '/raw')).toMatchObject({ status: 429 })
  await vi.waitFor(async () =>
    expect(await get(local.mcpUrl, '/raw')).toMatchObject({ status: 200 }),
  )
  expect(local.logged('worked on')).toBe(true)
})

test('a failure after the response is told in the log', async () => {
  const local = await startClient()
  expect(await get(local.mcpUrl, '/exit-after-end')).toMatchObject({ status: 200, body: 'all' })
  await vi.waitUntil(() => local.logged('exit status 5'))
})

test.skipIf(!CAN_FREEZE)('an idle process is stopped, and its timers do not run', async () => {
  const { invoke, pids } = await startClient()
  const ticks = async () => (await invoke('ticking', {})).json()
  const before = await ticks()
  await settled({ pids })
  const stopped = Date.now()
  await vi.waitUntil(() => Date.now() - stopped > 2_000)
  // A timer of 5 ms: it would have run some four hundred times.
  expect((await ticks()) - before).toBeLessThan(200)
})

test.skipIf(!CAN_FREEZE)(
  'hundreds of invocations, failures between them, with a freeze after each',
  async () => {
    const { mcpUrl } = await startClient()
    for (let i = 0; i < 150; i++) {
      const [target, status] = i % 3 === 0 ? ['/throw-before', 502] : ['/stream', 201]
      expect(await get(mcpUrl, String(target))).toMatchObject({ status })
    }
  },
)

test('tells who watches of each invocation, with the process that runs it', async () => {
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
