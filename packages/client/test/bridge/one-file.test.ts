import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { COMMAND, hostEnvironment } from '../support/host.ts'

test('the command is one file of at most 390 KB, which needs no package', () => {
  expect(statSync(COMMAND).size).toBeLessThan(390 * 1024)
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-file-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'connect.mjs')
  copyFileSync(COMMAND, file)
  // It loads the credential chain, and the readers of the configuration files.
  const env = hostEnvironment({ AWS_PROFILE: 'none', AWS_REGION: 'us-east-1' })
  const url = 'https://x.lambda-url.us-east-1.on.aws'
  expect(() => execFileSync(process.execPath, [file, 'list', url], { env, stdio: 'pipe' })).toThrow(
    'Found no AWS credentials',
  )
})
