import type { ServerContext } from '@modelcontextprotocol/server'
import { afterEach, expect, test, vi } from 'vitest'
import { createRequestStateSigner } from '../../src/gateway/protocol/request-state.ts'
import type { Caller } from '../../src/http/caller.ts'

const [OLD, NEW] = ['old', 'new'].map(it => it.padEnd(32, '.')) as [string, string]
const state = { item: 'tool-t', params: 'digest', state: 'the state of the function' }
const during = (method: string) => ({ mcpReq: { method } }) as ServerContext
const call = during('tools/call')

const signerOf = (keys: string[], owner = '111111111111/AROAAGENTS') =>
  createRequestStateSigner(
    async () => keys,
    { owner } as Caller,
    async () => true,
  )

afterEach(() => {
  vi.useRealTimers()
})

test('the first key signs and all keys verify', async () => {
  const [before, between, after] = [signerOf([OLD]), signerOf([NEW, OLD]), signerOf([NEW])]
  const [old, current] = [await before.sign(state, call), await between.sign(state, call)]
  expect(await before.verify(old, call)).toEqual(state)
  expect(await between.verify(old, call)).toEqual(state)
  await expect(after.verify(old, call)).rejects.toThrow()
  await expect(before.verify(current, call)).rejects.toThrow()
  expect(await between.verify(current, call)).toEqual(state)
  expect(await after.verify(current, call)).toEqual(state)
})

test('reads the keys again for every state', async () => {
  let keys = [OLD]
  const signer = createRequestStateSigner(
    async () => keys,
    { owner: 'o' } as Caller,
    async () => true,
  )
  const old = await signer.sign(state, call)
  keys = [NEW]
  await expect(signer.verify(old, call)).rejects.toThrow()
})

test('a state is valid for one caller and one method only', async () => {
  const signer = signerOf([OLD])
  const signed = await signer.sign(state, call)
  await expect(signerOf([OLD], '111111111111/AROAOTHERS').verify(signed, call)).rejects.toThrow()
  await expect(signer.verify(signed, during('prompts/get'))).rejects.toThrow()
})

test('a state is valid for ten minutes', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const signer = signerOf([OLD])
  const signed = await signer.sign(state, call)
  vi.advanceTimersByTime(9 * 60_000)
  expect(await signer.verify(signed, call)).toEqual(state)
  vi.advanceTimersByTime(2 * 60_000)
  await expect(signer.verify(signed, call)).rejects.toThrow()
})

test.each([
  ['an empty text', ''],
  ['a state without its signature', 'v1.eyJwIjp7fX0'],
  ['a signature without its state', '.AAAA'],
  ['text', 'tool-t'],
])('refuses %s', async (_, signed) => {
  await expect(signerOf([NEW, OLD]).verify(signed, call)).rejects.toThrow()
})

test('tells a state that it verified from an object that the client sent', async () => {
  const signer = signerOf([OLD])
  const verified = await signer.verify(await signer.sign(state, call), call)
  expect(signer.isVerified(verified)).toBe(true)
  expect(signer.isVerified({ ...state })).toBe(false)
  expect(signer.isVerified(undefined)).toBe(false)
})

test('rejects when there is no key', async () => {
  await expect(signerOf([]).sign(state, call)).rejects.toThrow('no key')
  await expect(signerOf([]).verify('', call)).rejects.toThrow()
})
