import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/sar.mjs', import.meta.url))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-sar-'))
  mkdirSync(join(folder, 'packages/server'), { recursive: true })
  release('1.2.3')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('package uploads with the SAM CLI, to its own bucket or to the given one', () => {
  expect(sar('package').called).toEqual(
    'package --template-file template.yaml --output-template-file .cache/packaged.yaml --resolve-s3',
  )
  const given = sar('package', '--bucket', 'mine', '--region', 'eu-west-1', '--profile', 'work')
  expect(given.called).toContain(' --s3-bucket mine --region eu-west-1 --profile work')
  expect(given.called).not.toContain('--resolve-s3')
})

test('publish takes the packaged template and the version of the package', () => {
  expect(sar('publish')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('package:sar'),
  })
  mkdirSync(join(folder, '.cache'))
  writeFileSync(join(folder, '.cache/packaged.yaml'), '')
  expect(sar('publish').called).toEqual(
    'publish --template .cache/packaged.yaml --semantic-version 1.2.3 --fail-on-same-version',
  )
  release('0.0.0')
  expect(sar('publish')).toMatchObject({
    status: 1,
    called: undefined,
    stderr: expect.stringContaining('changeset version'),
  })
})

test('a dry run shows the command and does not start it', () => {
  expect(sar('publish', '--dry-run')).toMatchObject({
    status: 0,
    called: undefined,
    stderr: expect.stringContaining('sam publish --template'),
  })
})

test('exits with the status of the SAM CLI', () => {
  expect(sar('package', '--region', 'nowhere').status).toBe(7)
})

test('without the SAM CLI the error links to its installation', () => {
  expect(run(folder, 'package')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('https://docs.aws.amazon.com/'),
  })
})

function release(version: string) {
  writeFileSync(join(folder, 'packages/server/package.json'), JSON.stringify({ version }))
}

/** Runs the script with a SAM CLI that records its arguments. */
function sar(...args: string[]) {
  const bin = join(folder, 'bin')
  const log = join(folder, 'called')
  mkdirSync(bin, { recursive: true })
  rmSync(log, { force: true })
  writeFileSync(
    join(bin, 'sam'),
    `#!/bin/sh\nprintf %s "$*" > "${log}"\ncase "$*" in *nowhere*) exit 7;; esac\n`,
  )
  chmodSync(join(bin, 'sam'), 0o755)
  const result = run(bin, ...args)
  return { ...result, called: existsSync(log) ? readFileSync(log, 'utf8') : undefined }
}

function run(path: string, ...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder,
    env: { PATH: path },
    encoding: 'utf8',
  })
  return { status, stderr }
}
