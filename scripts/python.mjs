import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const windows = process.platform === 'win32'

/**
 * A Python that has the packages of a file in this folder, in a virtual environment in `.cache`. It
 * is created when it is missing or out of date, which takes a minute or two and needs a network.
 * The product itself needs no Python. When Python or the package index is missing, the result has a
 * `reason`, and the caller prints it and skips its checks.
 *
 * @param {{ packages?: string, folder?: string, quiet?: boolean }} [options] quiet: write nothing
 *   to stderr
 * @returns {{ path: string, reason?: undefined } | { path?: undefined, reason: string }}
 */
export function python({ packages = 'requirements.txt', folder = 'py', quiet = false } = {}) {
  const requirements = join(root, 'scripts', packages)
  const venv = join(root, '.cache', folder)
  const stamp = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (isCurrent(venv, stamp)) return { path: executable(venv) }
  const base = interpreter()
  if (!base) return { reason: 'no python3 of version 3.10 or newer was found' }
  if (!quiet) process.stderr.write(`Setting up Python in .cache/${folder} …\n`)

  // It is created beside its final path and then renamed, so that a second run sees all of it or
  // nothing. Its tools are started with `python -m`, because the scripts in bin/ contain the old
  // path.
  const fresh = `${venv}.${process.pid}`
  try {
    mkdirSync(join(root, '.cache'), { recursive: true })
    const problem =
      run([...base, '-m', 'venv', fresh]) ??
      run([
        ...[executable(fresh), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'],
        ...['--retries', '1', '--requirement', requirements],
      ])
    if (problem) return { reason: problem }
    writeFileSync(join(fresh, 'stamp'), stamp)
    if (isCurrent(venv, stamp)) return { path: executable(venv) }
    rmSync(venv, { recursive: true, force: true })
    renameSync(fresh, venv)
  } catch (error) {
    // The rename fails when another run was faster. Its environment is as good as ours.
    if (!isCurrent(venv, stamp))
      return { reason: `.cache/${folder} could not be created: ${error}` }
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return { path: executable(venv) }
}

/**
 * @param {string} venv
 * @param {string} stamp
 */
function isCurrent(venv, stamp) {
  const file = join(venv, 'stamp')
  // `existsSync` is false for a link to a Python that was removed.
  return existsSync(executable(venv)) && existsSync(file) && readFileSync(file, 'utf8') === stamp
}

/** The command line of a Python 3.10 or newer. */
function interpreter() {
  const candidates = windows ? [['py', '-3'], ['python']] : [['python3']]
  return candidates.find(
    it => !run([...it, '-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)']),
  )
}

/** @param {string} folder of a virtual environment */
function executable(folder) {
  return windows ? join(folder, 'Scripts/python.exe') : join(folder, 'bin/python')
}

/**
 * Runs a command, and returns one line about its failure, or undefined when it succeeds.
 *
 * @param {string[]} line
 */
function run([command = '', ...args]) {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) return `${command} could not be started: ${error.message}`
  if (status === 0) return undefined
  return stderr.trim().split('\n').at(-1) || `${command} ended with ${status}`
}
