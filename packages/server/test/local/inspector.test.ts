import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { eventually, processState, temporaryFolder } from './fixture.ts'
import { startClient } from './lambda-client.ts'

test('with inspect each function prints the address of its debugger before the first call, and is not stopped by a time-out', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'slow'))
  const code = `const sleep = ms => new Promise(done => setTimeout(done, ms))
    export const handler = async () => { await sleep(1300); return 'late' }`
  await writeFile(join(folder, 'slow/index.mjs'), code)
  const { invoke, logs, pids } = await startClient({
    functions: folder,
    inspect: 0,
    timeouts: { functions: 1 },
  })
  const addresses = () =>
    logs.flatMap(it => /^A debugger can attach to (127\.0\.0\.1:\d+)$/.exec(it.message)?.[1] ?? [])
  await eventually(() => expect(addresses()).toHaveLength(1))
  const list = await fetch(`http://${addresses()[0]}/json/list`)
  expect(await list.json()).toMatchObject([{ type: 'node' }])
  expect((await invoke('slow', {})).json()).toBe('late')
  // A frozen process could not be debugged.
  expect(pids().map(processState)).not.toContain('T')
})

test('with inspect a function that does not start is started once, and holds up nothing', async () => {
  const folder = await temporaryFolder()
  const write = (name: string, text: string) => writeFile(join(folder, name), text)
  const fine = 'export const handler = async () => 1'
  await write('broken.mjs', `console.log('begins')\nexport const handler = missing()`)
  await write('hanging.mjs', `await new Promise(() => setInterval(() => {}, 1000))\n${fine}`)
  const { logs } = await startClient({ functions: folder, inspect: 0 })
  const isPrepared = (name: string) =>
    logs.some(it => it.functionName === name && it.message.startsWith('A debugger can attach'))
  const starts = () => logs.filter(it => it.message.includes('begins')).length
  // Each of these is seen by another look at the files.
  for (const name of ['first', 'second', 'third']) {
    await write(`${name}.mjs`, fine)
    await eventually(() => expect(isPrepared(name)).toBe(true))
  }
  expect(starts()).toBe(1)
  await write('broken.mjs', `console.log('begins well')\n${fine}`)
  await eventually(() => expect(starts()).toBe(2))
})
