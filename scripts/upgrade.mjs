// Runs an older version beside the present one: its handlers on the same tables, and a deployment
// over its stack. The older version is built once, in .cache. Without its commit, as in a shallow
// clone, the tests are skipped. The last line is "upgrade: N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { runTests, skipTests } from './counted-tests.mjs'
import { python } from './python.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * The version that users upgrade from. Here it is a commit whose rows differ: sessions of /sse end
 * with their streams, and responses are written in parts. After a release it is the tag before.
 */
const FROM = '904077eb95591018d9d5dac230d6bbccf9dceb5f'

const { folder, reason } = build()
if (folder === undefined)
  skipTests('upgrade', `the tests of an upgrade from ${FROM.slice(0, 7)}`, reason)
else {
  const moto = python()
  if (moto.path === undefined)
    process.stdout.write(`SKIPPED the deployment over an older one: ${moto.reason}\n`)
  runTests(
    'upgrade',
    ['test/oracles/upgrade.test.ts', 'packages/server/test/deploy/upgraded-stack.test.ts'],
    { UPGRADE_FROM: folder, MOTO_PYTHON: moto.path ?? '' },
  )
}

/**
 * The folder of the built commit.
 *
 * @returns {{ folder: string, reason?: undefined } | { folder?: undefined, reason: string }}
 */
function build() {
  const folder = join(root, '.cache/upgrade', FROM)
  if (existsSync(folder)) return { folder }
  const archive = `${folder}.tar`
  const fresh = `${folder}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  process.stderr.write(`Building ${FROM.slice(0, 7)} in .cache/upgrade …\n`)
  try {
    for (const command of [
      ['git', 'archive', `--output=${archive}`, FROM],
      ['tar', '-xf', archive, '-C', fresh],
    ]) {
      const problem = run(command, root)
      if (problem) return { reason: problem }
    }
    // A build that fails is a fault where the commit is there.
    const problem = run([process.execPath, 'scripts/run.mjs', 'build'], fresh)
    if (problem) throw new Error(`${FROM} cannot be built: ${problem}`)
    renameSync(fresh, folder)
    return { folder }
  } finally {
    rmSync(archive, { force: true })
    rmSync(fresh, { recursive: true, force: true })
  }
}

/**
 * Runs a command, and returns the last line about its failure.
 *
 * @param {string[]} line
 * @param {string} cwd
 */
function run([command = '', ...args], cwd) {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (error) return `${command} could not be started: ${error.message}`
  if (status === 0) return undefined
  return stderr.trim().split('\n').at(-1) || `${command} ended with ${status}`
}
