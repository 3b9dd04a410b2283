import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const requirements = join(root, 'scripts/requirements.txt')
const venv = join(root, '.cache/py')
const windows = process.platform === 'win32'

/**
 * The Python that has what `requirements.txt` names, in a virtual environment under `.cache`, made when it is
 * missing or out of date (a minute or two, with a network). Nothing of the product needs Python: without one, or
 * without a registry, `reason` says what is missing and the caller is expected to skip, visibly.
 *
 * @param {{ quiet?: boolean }} [options] quiet: no word on stderr while it is made
 * @returns {{ path: string, reason?: undefined } | { path?: undefined, reason: string }}
 */
export function python({ quiet = false } = {}) {
  const stamp = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (isCurrent(stamp)) return { path: executable(venv) }
  const base = interpreter()
  if (!base) return { reason: 'no python3 of version 3.10 or newer was found' }
  if (!quiet) process.stderr.write('Setting up Python in .cache/py …\n')

  // Made aside and moved into place: a second run that starts meanwhile sees all of it or nothing. What is in it
  // is started with `python -m`, since only the scripts in bin/ know the folder's first name.
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
    if (isCurrent(stamp)) return { path: executable(venv) }
    rmSync(venv, { recursive: true, force: true })
    renameSync(fresh, venv)
  } catch (error) {
    // Another run was faster between the two lines above.
    if (!isCurrent(stamp)) return { reason: `.cache/py could not be made: ${error.message}` }
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return { path: executable(venv) }
}

function isCurrent(stamp) {
  const file = join(venv, 'stamp')
  // The Python that it was made from may be gone, and its link then leads nowhere.
  return existsSync(executable(venv)) && existsSync(file) && readFileSync(file, 'utf8') === stamp
}

function interpreter() {
  const candidates = windows ? [['py', '-3'], ['python']] : [['python3']]
  return candidates.find(
    it => !run([...it, '-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)']),
  )
}

function executable(folder) {
  return windows ? join(folder, 'Scripts/python.exe') : join(folder, 'bin/python')
}

/** What went wrong, in a line; undefined when nothing did. */
function run([command, ...args]) {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) return `${command} could not be started: ${error.message}`
  if (status === 0) return undefined
  return stderr.trim().split('\n').at(-1) || `${command} ended with ${status}`
}
