import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'

import { UsageError } from '../../src/cli/command.ts'
import { type LocalFlags, localOptions } from '../../src/cli/local-options.ts'
import { DEVELOPER } from '../../src/local/principals.ts'
import { temporaryFolder } from './fixture.ts'

const DEFAULTS = { port: '0', 'registration-port': '0', concurrency: '20' }
const options = (flags: Partial<LocalFlags>) => localOptions({ ...DEFAULTS, ...flags })

let folder: string
beforeEach(async () => {
  folder = await temporaryFolder()
  const config = join(folder, 'config')
  await writeFile(
    config,
    '[profile dev]\nregion = eu-west-1\n[sso-session corp]\nsso_region = eu-west-1\n',
  )
  vi.stubEnv('AWS_CONFIG_FILE', config)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
})

test.each<[Partial<LocalFlags>, RegExp]>([
  [{ template: '/no/file' }, /^--template takes a file that exists, not "\/no\/file"/],
  [{ functions: '.', manifest: 'x' }, /^Only one of --functions, --manifest and --template/],
  [{ parameter: ['A=b'] }, /^--parameter belongs to --template/],
  [{ env: ['SECRET'] }, /^--env takes NAME=value$/],
  [{ 'env-file': ['/no/file'] }, /^--env-file takes a file that exists/],
  [{ concurrency: '0' }, /^--concurrency takes a number from 1 to 1000, not "0"/],
  [{ inspect: 'x' }, /^--inspect takes a port number/],
  [{ python: './nowhere' }, /^--python takes a program or a virtual environment/],
  [{ 'aws-credentials': 'x' }, /^--aws-credentials takes env, not "x"/],
  [{ 'aws-credentials': 'env' }, /needs AWS_ACCESS_KEY_ID in this shell/],
  [{ 'aws-profile': 'dev', 'aws-credentials': 'env' }, /^Only one of --aws-profile and/],
])('refuses %j and says what is valid', async (flags, message) => {
  const error = await options(flags).catch(error => error)
  expect(error).toBeInstanceOf(UsageError)
  expect(error.message).toMatch(message)
})

test('refuses a profile that does not exist, and names those that do', async () => {
  await expect(options({ 'aws-profile': 'corp' })).rejects.toMatchObject({
    code: 'profile_not_found',
    message: 'There is no AWS profile "corp"',
    hint: expect.stringMatching(/^The profiles are: dev\. /),
  })
})

test('refuses to send the key of the local gateway to AWS', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', DEVELOPER.accessKeyId)
  await expect(options({ 'aws-credentials': 'env' })).rejects.toThrow(
    'the key of the local gateway',
  )
})

test('takes a profile with its region, and no profile by default', async () => {
  expect(await options({ 'aws-profile': 'dev' })).toMatchObject({
    awsAccess: { type: 'profile', profile: 'dev', region: 'eu-west-1' },
  })
  expect(await options({})).toMatchObject({ awsAccess: { type: 'none' }, register: true })
})

test('a value of --env wins over the files, and a later file over an earlier one', async () => {
  const files = [join(folder, 'a.env'), join(folder, 'b.env')]
  await writeFile(files[0] ?? '', '# of the team\nA=1\nB="two words"\nC=3\n')
  await writeFile(files[1] ?? '', 'B=2\n')
  const { variables } = await options({ 'env-file': files, env: ['C=x=y', 'EMPTY='] })
  expect(variables).toEqual({ A: '1', B: '2', C: 'x=y', EMPTY: '' })
})

test('the console is on by default, on a port of its own, and can be left out', async () => {
  expect((await options({})).console).toEqual({})
  expect((await options({ 'console-port': '8100' })).console).toEqual({ port: 8100 })
  expect((await options({ 'no-console': true })).console).toBeUndefined()
  await expect(options({ 'console-port': 'x' })).rejects.toThrow(/^--console-port takes a port/)
})
