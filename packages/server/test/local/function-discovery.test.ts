import fs, { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { allFrozen, startSignal, temporaryFolder, until } from './fixture.ts'
import { startClient } from './lambda-client.ts'

async function startFolder(files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'functions-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const write = async (name: string, text: string) => {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  const local = await startClient({ functions: folder })
  return {
    ...local,
    folder,
    write,
    remove: (name: string) => rm(join(folder, name)),
    call: async (name: string) => (await local.invoke(name, {})).json(),
  }
}

const returns = (value: unknown) => `export const handler = async () => (${JSON.stringify(value)})`

test('every file and every folder with an index is a function', async () => {
  const { call, logged, folder } = await startFolder({
    'module.mjs': returns('mjs'),
    'script.js': `exports.handler = async () => 'js'`,
    'typed.ts': `export const handler = async (): Promise<string> => 'ts'`,
    'folder/index.mjs': returns('folder'),
    'typed_folder/index.ts': `import { word } from './word.ts'\nexport const handler = async () => word`,
    'typed_folder/word.ts': `export const word: string = 'typed folder'`,
    'default.mjs': `export default { handler: async () => 'default' }`,
    'common.cjs': `module.exports = { handler: async () => 'cjs' }`,
    'module_typed.mts': `export const handler = async (): Promise<string> => 'mts'`,
    'again.mjs': `export * from './no-function/impl.mjs'`,
    'no-function/impl.mjs': returns('again'),
    'library.mjs': 'export const other = 1',
    'types.ts': 'export type handler = string',
    'node_modules/index.mjs': returns('package'),
    'tests/index.mjs': returns('test'),
    'no-function/readme.md': 'words',
    'words.txt': 'words',
    'typed.test.ts': 'throw new Error()',
  })
  expect(await call('module')).toBe('mjs')
  expect(await call('script')).toBe('js')
  expect(await call('typed')).toBe('ts')
  expect(await call('folder')).toBe('folder')
  expect(await call('typed_folder')).toBe('typed folder')
  expect(await call('default')).toBe('default')
  expect(await call('common')).toBe('cjs')
  expect(await call('module_typed')).toBe('mts')
  expect(await call('again')).toBe('again')
  const none = ['no-function', 'words', 'typed.test', 'library', 'types', 'node_modules', 'tests']
  for (const name of none)
    await expect(call(name)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  expect(
    logged(
      `Functions in ${folder}: again, common, default, folder, module, module_typed, script, typed, typed_folder`,
    ),
  ).toBe(true)
})

test('the next call runs a changed file, also when the file is imported', async () => {
  const { call, write } = await startFolder({
    'plain.mjs': returns('old'),
    'typed.ts': `import { word } from './lib/word.ts'\nexport const handler = async () => word`,
    'importing.mjs': `import { word } from './lib/word.mjs'\nexport const handler = async () => word`,
    'lib/word.ts': `export const word = 'old'`,
    'lib/word.mjs': `export const word = 'old'`,
  })
  const all = () => Promise.all(['plain', 'typed', 'importing'].map(call))
  expect(await all()).toEqual(['old', 'old', 'old'])
  await write('plain.mjs', returns('newer'))
  await write('lib/word.ts', `export const word = 'newer'`)
  await write('lib/word.mjs', `export const word = 'newer'`)
  expect(await all()).toEqual(['newer', 'newer', 'newer'])
})

/** Code that waits until the file exists. */
const untilFile = (file: string) => `
  const { existsSync } = await import('node:fs')
  while (!existsSync(${JSON.stringify(file)})) await new Promise(go => setTimeout(go, 10))`

test('the old code finishes a running invocation, and then its process is replaced', async () => {
  const signal = await startSignal()
  const { invoke, call, write, pids, logged } = await startFolder({
    'slow.mjs': `export const handler = async () => {
      console.log('began')
      ${untilFile(signal.file)}
      return 'old'
    }`,
  })
  const running = invoke('slow', {})
  await until(() => logged('began'))
  const [old] = pids()
  await write('slow.mjs', returns('newer'))
  expect(await call('slow')).toBe('newer')
  await signal.give()
  expect((await running).json()).toBe('old')
  await until(() => old !== undefined && !pids().includes(old))
})

test('a change during the init of a process takes effect', async () => {
  const signal = await startSignal()
  const { invoke, call, write, logged } = await startFolder({
    'slow.mjs': `console.log('loading')
    ${untilFile(signal.file)}
    export const handler = async () => 'old'`,
  })
  const running = invoke('slow', {})
  await until(() => logged('loading'))
  await write('slow.mjs', returns('newer'))
  // This call notices the change while the process with the old code is not ready yet.
  expect(await call('slow')).toBe('newer')
  await signal.give()
  expect((await running).json()).toBe('old')
  expect(await Promise.all([call('slow'), call('slow')])).toEqual(['newer', 'newer'])
})

test('an unchanged function keeps its process', async () => {
  const { call, pids } = await startFolder({
    'pid.ts': 'export const handler = async () => process.pid',
  })
  const pid = await call('pid')
  await allFrozen({ pids })
  expect(await call('pid')).toBe(pid)
})

test('a new file becomes a function without a restart, and a deleted one stops to be one', async () => {
  const { call, write, remove } = await startFolder({})
  await expect(call('late')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  await write('late.mjs', returns('here'))
  expect(await call('late')).toBe('here')
  await remove('late.mjs')
  await expect(call('late')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('TypeScript that cannot be bundled is a function error until it is corrected', async () => {
  const local = await startFolder({ 'wrong.ts': 'export const handler = async () => {' })
  expect(local.logged('wrong.ts:1')).toBe(true)
  const output = await local.invoke('wrong', {})
  expect(output.functionError).toBe('Unhandled')
  expect(output.json()).toMatchObject({
    errorType: 'Runtime.UserCodeSyntaxError',
    errorMessage: expect.stringContaining('wrong.ts:1:36'),
  })
  await local.write('wrong.ts', returns('corrected'))
  expect(await local.call('wrong')).toBe('corrected')
})

test('code that is broken in an imported file runs when that file is repaired or added', async () => {
  const importing = (path: string) =>
    `import { word } from '${path}'\nexport const handler = async () => word`
  const { call, write, logged } = await startFolder({
    'module.mjs': importing('./lib/word.mjs'),
    'lib/word.mjs': 'export const word = ;',
    'typed.ts': importing('./lib/word.ts'),
    'lib/word.ts': 'export const word = ;',
    'again.mjs': `export * from './lib/again.mjs'`,
    'lib/again.mjs': 'export const handler = ;',
    'late.ts': importing('./lib/late.ts'),
    'packaged.ts': importing('@scope/late/words'),
    'missing.mjs': `export * from './lib/missing.mjs'`,
  })
  for (const name of ['module', 'typed', 'late', 'packaged'])
    expect((await call(name)).errorType).toBe('Runtime.UserCodeSyntaxError')
  const word = `export const word = 'here'`
  await write('lib/word.mjs', word)
  await write('lib/word.ts', word)
  await write('lib/late.ts', word)
  await write('node_modules/@scope/late/words.js', word)
  await write('lib/again.mjs', returns('again'))
  await write('lib/missing.mjs', returns('added'))
  for (const name of ['module', 'typed', 'late', 'packaged']) expect(await call(name)).toBe('here')
  expect(await call('again')).toBe('again')
  expect(await call('missing')).toBe('added')
  expect(logged('word.ts:1:20')).toBe(true)
})

test('a function of a template runs when its broken file is repaired, or its missing one is added', async () => {
  const folder = await temporaryFolder()
  const write = (name: string, text: string) => writeFile(join(folder, name), text)
  await mkdir(join(folder, 'code/late'), { recursive: true })
  await write('code/broken.mjs', 'export const handler = ;')
  const fn = (handler: string) => ({
    Type: 'AWS::Serverless::Function',
    Properties: { Runtime: 'nodejs22.x', CodeUri: 'code', Handler: handler },
  })
  const Resources = { Broken: fn('broken.handler'), Late: fn('late/app.handler') }
  await write('template.yaml', JSON.stringify({ Resources }))
  const { invoke } = await startClient({ functions: { template: join(folder, 'template.yaml') } })
  const call = async (name: string) => (await invoke(name, {})).json()
  expect((await call('Broken')).errorMessage).toContain('broken.mjs:1:23')
  expect((await call('Late')).errorMessage).toContain('there is no file for the handler')
  await write('code/broken.mjs', returns('repaired'))
  await write('code/late/app.mjs', returns('added'))
  expect(await call('Broken')).toBe('repaired')
  expect(await call('Late')).toBe('added')
})

test('what Node runs and esbuild does not bundle is a function', async () => {
  const native = `try { require('./native.node') } catch (error) { exports.code = error.code }`
  const { call } = await startFolder({
    'sloppy.cjs': `with ({ word: 'with' }) { exports.word = word }\nexports.handler = async () => exports.word`,
    'native.cjs': `${native}\nexports.handler = async () => exports.code`,
    'typed.ts': `import { word } from './lib/native.cjs'\nexport const handler = async () => word`,
    'lib/native.cjs': `try { require('../native.node') } catch (error) { exports.word = error.code }`,
    'native.node': 'not a library',
  })
  expect(await call('sloppy')).toBe('with')
  expect(await call('native')).toBe('ERR_DLOPEN_FAILED')
  expect(await call('typed')).toBe('ERR_DLOPEN_FAILED')
})

test('two files of one name are an error that names both', async () => {
  const { invoke, logged } = await startFolder({
    'twice.mjs': returns('mjs'),
    'twice.ts': `export const handler = async () => 'ts'`,
  })
  const message = 'Two files make the function twice: twice.mjs and twice.ts'
  expect(logged(message)).toBe(true)
  expect((await invoke('twice', {})).json().errorMessage).toContain(message)
})

test('a syntax error in an imported ES module has its file and line', async () => {
  const { logged } = await startFolder({
    'broken.mjs': `import { word } from './lib/word.mjs'\nexport const handler = async () => word`,
    'lib/word.mjs': `\nexport const word = ;`,
  })
  expect(logged('lib/word.mjs:2:20')).toBe(true)
})

test('the stack of an error points into the TypeScript', async () => {
  const local = await startFolder({
    'thrower.ts': `interface Nothing {}\n\nexport const handler = async (_: Nothing) => {\n  throw new Error('here')\n}`,
  })
  const { trace } = await local.call('thrower')
  expect(trace[1]).toMatch(/thrower\.ts:4:9\)?$/)
  expect(local.logged('thrower.ts:4:9')).toBe(true)
})

test('a handler with a callback runs where the project names a runtime that takes one', async () => {
  const local = await startFolder({
    '.nvmrc': 'v22.1.0',
    'callback.js': `exports.handler = (event, context, done) =>
      setTimeout(() => done(null, process.env.AWS_EXECUTION_ENV), 5)`,
    'failing.cjs': `exports.handler = (event, context, done) => done(new Error('no'))`,
    'early.cjs': `exports.handler = (event, context, done) => {
      context.callbackWaitsForEmptyEventLoop = false
      setInterval(() => {}, 1000)
      done(null, 'early')
    }`,
    'silent.cjs': 'exports.handler = (event, context, done) => 1',
    'promise.cjs': `exports.handler = async (event, context, done) => 'promise'`,
  })
  expect(await local.call('callback')).toBe('AWS_Lambda_nodejs22.x')
  expect(await local.call('failing')).toMatchObject({ errorMessage: 'no' })
  expect(await local.call('early')).toBe('early')
  expect(await local.call('silent')).toBe(null)
  expect(await local.call('promise')).toBe('promise')
})

test('a TypeScript function finds the files beside it', async () => {
  const { call } = await startFolder({
    'reader.ts': `
      import { readFile } from 'node:fs/promises'
      export const handler = async () => [
        await readFile(new URL('./data/words.txt', import.meta.url), 'utf8'),
        await readFile('data/words.txt', 'utf8'),
      ]`,
    'data/words.txt': 'words',
  })
  expect(await call('reader')).toEqual(['words', 'words'])
})

test('a folder that cannot be read is a warning, and the others are functions', async () => {
  const { readdir } = fs
  const refuse = (path: string, ...rest: []) =>
    path.endsWith('closed') ? Promise.reject(new Error('EACCES')) : readdir(path, ...rest)
  vi.spyOn(fs, 'readdir').mockImplementation(refuse as typeof readdir)
  syncBuiltinESMExports()
  onTestFinished(() => {
    vi.restoreAllMocks()
    syncBuiltinESMExports()
  })
  const { call, logged } = await startFolder({
    'closed/index.mjs': returns('closed'),
    'open/index.mjs': returns('open'),
  })
  expect(await call('open')).toBe('open')
  expect(logged('closed is no function: EACCES')).toBe(true)
})

test('an error with a name that no header takes is returned with its name', async () => {
  const error = `Object.assign(new Error('no'), { name: '错误' })`
  const { call } = await startFolder({
    'start.mjs': `export const handler = async () => 1\nthrow ${error}`,
    'stream.mjs': `export const handler = awslambda.streamifyResponse(async () => { throw ${error} })`,
  })
  for (const name of ['start', 'stream'])
    expect(await call(name)).toMatchObject({ errorType: '错误', errorMessage: 'no' })
})
