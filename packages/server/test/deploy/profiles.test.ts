import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { deploy } from '../../src/deploy/deploy.ts'
import { destroy } from '../../src/deploy/destroy.ts'
import { readProfiles } from '../../src/deploy/profiles.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'profiles-'))
  await writeFile(
    join(folder, 'config'),
    `[default]
region = eu-central-1
[profile dev]
region = eu-west-1
[profile odd]
region = EU (Ireland)
[profile loop]
region = eu-west-1
role_arn = arn:aws:iam::123456789012:role/x
source_profile = back
[profile back]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = loop
[sso-session corp]
sso_region = eu-west-1
[services local]
s3 =
  endpoint_url = http://127.0.0.1:9
`,
  )
  await writeFile(
    join(folder, 'credentials'),
    '[dev]\naws_access_key_id = A\naws_secret_access_key = B\n[ci]\naws_access_key_id = A\n',
  )
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
  vi.stubEnv('AWS_PROFILE', undefined)
})
afterAll(() => rm(folder, { recursive: true }))

test('the profiles are those of both files, without sessions and services', async () => {
  expect(Object.fromEntries(await readProfiles())).toEqual({
    default: { region: 'eu-central-1' },
    dev: { region: 'eu-west-1' },
    odd: { region: 'EU (Ireland)' },
    loop: { region: 'eu-west-1' },
    back: {},
    ci: {},
  })
})

test('a profile that does not exist is said to not exist, with those that do', async () => {
  const error = {
    code: 'profile_not_found',
    message: 'There is no AWS profile "prod"',
    hint: 'The profiles are: default, dev, odd, loop, back, ci. "aws configure --profile prod" makes it.',
  }
  await expect(deploy({ profile: 'prod', region: 'eu-west-1' })).rejects.toMatchObject(error)
  vi.stubEnv('AWS_PROFILE', 'prod')
  await expect(destroy({ region: 'eu-west-1' })).rejects.toMatchObject(error)
  vi.stubEnv('AWS_PROFILE', undefined)
})

test('a region of a profile that is none is named, and not said to be missing', async () => {
  await expect(destroy({ profile: 'odd' })).rejects.toMatchObject({
    code: 'invalid_option',
    message: '"EU (Ireland)" is not the name of a region',
    hint: expect.stringContaining('the region of the profile'),
  })
})

test('a profile that gives no credentials is named, with the command that says why', async () => {
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
  await expect(destroy({ profile: 'loop' })).rejects.toMatchObject({
    code: 'no_credentials',
    message: 'The profile loop gives no credentials',
    hint: expect.stringContaining('"aws sts get-caller-identity --profile loop" says why'),
  })
})
