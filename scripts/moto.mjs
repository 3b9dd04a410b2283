// Runs the tests that deploy to moto, which imitates the APIs of AWS, with the real commands and
// the built functions. Without Python they are skipped: only these tests need it. The last line
// is "moto: N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { python } from './python.mjs'

const { path, reason } = python()
if (path) run()
else {
  process.stdout.write(`SKIPPED the tests against moto: ${reason}\n`)
  process.stdout.write('moto: 0 passed, 0 failed, 1 skipped\n')
}

function run() {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-moto-'))
  const report = join(folder, 'report.json')
  const { status } = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...['packages/server/test/deploy/moto.test.ts', ...process.argv.slice(2)],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ],
    { stdio: 'inherit', env: { ...process.env, MOTO_PYTHON: path } },
  )
  const { passed, failed, skipped } = count(report, status)
  rmSync(folder, { recursive: true, force: true })
  process.stdout.write(`moto: ${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  process.exitCode = failed ? 1 : 0
}

/**
 * @param {string} report path of vitest's JSON report
 * @param {number | null} status vitest's exit code
 */
function count(report, status) {
  /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number }} */
  const it = JSON.parse(readFileSync(report, 'utf8'))
  const failed = it.numFailedTests
  return {
    passed: it.numPassedTests,
    // A run can fail without a failed test, for example when a test file does not load.
    failed: status !== 0 && failed === 0 ? 1 : failed,
    skipped: it.numPendingTests,
  }
}
