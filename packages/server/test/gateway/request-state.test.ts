import type { ServerContext } from '@modelcontextprotocol/server'
import { afterEach, expect, test, vi } from 'vitest'
import { stateSeal } from '../../src/gateway/protocol/request-state.ts'
import type { Caller } from '../../src/http/caller.ts'

const [OLD, NEW] = ['old', 'new'].map(it => it.padEnd(32, '.')) as [string, string]
const left = { item: 'tool-t', state: 'what the function left' }
const during = (method: string) => ({ mcpReq: { method } }) as ServerContext
const call = during('tools/call')

const sealOf = (keys: string[], owner = '111111111111/AROAAGENTS') =>
  stateSeal(async () => keys, { owner } as Caller)

afterEach(() => {
  vi.useRealTimers()
})

test('the first key signs, all verify', async () => {
  const [before, between, after] = [sealOf([OLD]), sealOf([NEW, OLD]), sealOf([NEW])]
  const [old, current] = [await before.seal(left, call), await between.seal(left, call)]
  expect(await before.verify(old, call)).toEqual(left)
  expect(await between.verify(old, call)).toEqual(left)
  await expect(after.verify(old, call)).rejects.toThrow()
  await expect(before.verify(current, call)).rejects.toThrow()
  expect(await between.verify(current, call)).toEqual(left)
  expect(await after.verify(current, call)).toEqual(left)
})

test('keys that change while an environment lives are asked for anew', async () => {
  let keys = [OLD]
  const seal = stateSeal(async () => keys, { owner: 'o' } as Caller)
  const old = await seal.seal(left, call)
  keys = [NEW]
  await expect(seal.verify(old, call)).rejects.toThrow()
})

test('a state is its caller’s and its method’s', async () => {
  const seal = sealOf([OLD])
  const sealed = await seal.seal(left, call)
  await expect(sealOf([OLD], '111111111111/AROAOTHERS').verify(sealed, call)).rejects.toThrow()
  await expect(seal.verify(sealed, during('prompts/get'))).rejects.toThrow()
})

test('a state is good for ten minutes, the time to keep an old key for', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const seal = sealOf([OLD])
  const sealed = await seal.seal(left, call)
  vi.advanceTimersByTime(9 * 60_000)
  expect(await seal.verify(sealed, call)).toEqual(left)
  vi.advanceTimersByTime(2 * 60_000)
  await expect(seal.verify(sealed, call)).rejects.toThrow()
})

test.each([
  ['nothing', ''],
  ['a state without its signature', 'v1.eyJwIjp7fX0'],
  ['a signature without its state', '.AAAA'],
  ['text', 'tool-t'],
])('%s is no state', async (_, sealed) => {
  await expect(sealOf([NEW, OLD]).verify(sealed, call)).rejects.toThrow()
})

test('without a key nothing is sealed', async () => {
  await expect(sealOf([]).seal(left, call)).rejects.toThrow('no key')
  await expect(sealOf([]).verify('', call)).rejects.toThrow()
})
