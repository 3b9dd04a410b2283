import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { root } from './markdown.ts'

const REQUIREMENT = 'awscurl==0.44'
const venv = join(root, '.cache/awscurl')
const bin = join(venv, process.platform === 'win32' ? 'Scripts' : 'bin')

/**
 * The folder of the `awscurl` command, in a virtual environment that is made once, or why there
 * is none.
 */
export function awscurl(): { bin: string; reason?: never } | { bin?: never; reason: string } {
  const stamp = join(venv, 'stamp')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === REQUIREMENT && run(['--version']))
    return { bin }
  rmSync(venv, { recursive: true, force: true })
  const made = spawnSync('python3', ['-m', 'venv', venv], { encoding: 'utf8' })
  if (made.status !== 0) return { reason: 'python3 cannot make a virtual environment' }
  if (!run(['-m', 'pip', 'install', '--quiet', '--retries', '1', REQUIREMENT]))
    return { reason: `pip cannot install ${REQUIREMENT}` }
  writeFileSync(stamp, REQUIREMENT)
  return { bin }
}

function run(args: string[]): boolean {
  return spawnSync(join(bin, 'python'), args, { stdio: 'ignore' }).status === 0
}

/** Undefined for a curl that signs (7.75 and newer), or why there is none. */
export function curlProblem(): string | undefined {
  const { stdout } = spawnSync('curl', ['--version'], { encoding: 'utf8' })
  const [, major, minor] = /^curl (\d+)\.(\d+)/.exec(stdout ?? '') ?? []
  if (!major) return 'there is no curl'
  const version = Number(major) * 1000 + Number(minor)
  return version < 7075 ? `curl ${major}.${minor} does not sign` : undefined
}
