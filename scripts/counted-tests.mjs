// Runs test files that need tools beside Node. Each of their scripts, such as "npm run moto",
// ends with the line "NAME: N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Runs the files with vitest, prints the counts, and sets the exit code.
 *
 * @param {string} name of the script
 * @param {string[]} files
 * @param {Record<string, string>} environment tells the tests where their tools are
 */
export function runTests(name, files, environment) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-report-'))
  const report = join(folder, 'report.json')
  const { status } = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...[...files, ...process.argv.slice(2)],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ],
    { stdio: 'inherit', env: { ...process.env, ...environment } },
  )
  const { passed, failed, skipped } = count(report, status)
  rmSync(folder, { recursive: true, force: true })
  process.stdout.write(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  process.exitCode = failed ? 1 : 0
}

/**
 * Says that the tests cannot run here, and counts them as one that was skipped.
 *
 * @param {string} name of the script
 * @param {string} what
 * @param {string} reason
 */
export function skipTests(name, what, reason) {
  process.stdout.write(`SKIPPED ${what}: ${reason}\n`)
  process.stdout.write(`${name}: 0 passed, 0 failed, 1 skipped\n`)
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
