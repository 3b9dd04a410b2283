import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
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

const root = fileURLToPath(new URL('../../..', import.meta.url))
const script = join(root, 'scripts/sar.mjs')
const template = readFileSync(join(root, 'template.yaml'), 'utf8')
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-sar-'))
  mkdirSync(join(folder, 'packages/server'), { recursive: true })
  writeFileSync(join(folder, 'template.yaml'), template)
  release('1.2.3')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('package uploads with the SAM CLI, to its own bucket or to the given one', () => {
  expect(sar('package').called).toEqual(
    'package --template-file .cache/sar.yaml --output-template-file .cache/packaged.yaml --resolve-s3',
  )
  const given = sar('package', '--bucket', 'mine', '--region', 'eu-west-1', '--profile', 'work')
  expect(given.called).toContain(' --s3-bucket mine --region eu-west-1 --profile work')
  expect(given.called).not.toContain('--resolve-s3')
})

// scripts/template/sar.py compares the two templates with AWS's own translator.
test('the packaged template has no part that the repository may not know', () => {
  sar('package')
  const packaged = readFileSync(join(folder, '.cache/sar.yaml'), 'utf8')
  expect(template).toMatch(/^Rules:$/m)
  expect(packaged).not.toMatch(/Rules:|LoggingConfig|LogLevel/)
  // The paths are relative to the folder of the template.
  for (const path of ['packages/server/dist/lambda/mcp', 'LICENSE', 'README.md'])
    expect(packaged).toMatch(new RegExp(`: \\.\\./${path}$`, 'm'))
})

test('a template with another reference to an omitted part is refused', () => {
  const changed = template.replace('HEARTBEAT_SECONDS: !Ref', 'LEVEL: !Ref LogLevel # !Ref')
  writeFileSync(join(folder, 'template.yaml'), changed)
  expect(sar('package')).toMatchObject({
    called: undefined,
    stderr: expect.stringContaining('does not remove every LogLevel'),
  })
})

test('publish takes the packaged template and the version of the package', () => {
  expect(sar('publish')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('package:sar'),
  })
  mkdirSync(join(folder, '.cache'))
  const packaged = join(folder, '.cache/packaged.yaml')
  writeFileSync(packaged, '  X:\n    SemanticVersion: 1.2.2\n')
  expect(sar('publish')).toMatchObject({
    status: 1,
    called: undefined,
    stderr: expect.stringMatching(/code of version 1\.2\.2, .* is 1\.2\.3: .*package:sar/),
  })
  sar('package')
  copyFileSync(join(folder, '.cache/sar.yaml'), packaged)
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
