// Runs the built functions as Lambda does: with AWS's runtime interface client on Node 24, behind
// AWS's Runtime Interface Emulator. Where the two cannot be built, the tests are skipped. The last
// line is "rie: N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { runTests, skipTests } from './counted-tests.mjs'

const EMULATOR = 'github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie'
const EMULATOR_VERSION = 'v0.0.0-20261030222936-bef5c4ba774d'
const NODE = `node-linux-${process.arch}`
const PACKAGES = ['aws-lambda-ric@4.0.2', `${NODE}@24.21.0`]

const folder = fileURLToPath(new URL('../.cache/rie', import.meta.url))
const reason = install()
if (reason) skipTests('rie', "the functions behind AWS's Runtime Interface Emulator", reason)
else runTests('rie', ['test/oracles/rie.test.ts'], { RIE: folder, RIE_NODE: nodePath() })

/**
 * Builds what is missing in `.cache/rie`, which takes some minutes and a network once. Returns why
 * it cannot.
 *
 * @returns {string | undefined}
 */
function install() {
  const stamp = join(folder, 'stamp')
  const wanted = createHash('sha256')
    .update([EMULATOR_VERSION, ...PACKAGES].join())
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined
  if (process.platform !== 'linux') return 'the emulator runs on Linux only'
  for (const [tool, flag] of [
    ['go', 'version'],
    ['cmake', '--version'],
    ['make', '--version'],
    ['g++', '--version'],
  ])
    if (spawnSync(tool ?? '', [flag ?? '']).status !== 0) return `${tool} was not found`

  process.stderr.write("Building AWS's emulator and runtime client in .cache/rie …\n")
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const problem =
    run('go', ['install', `${EMULATOR}@${EMULATOR_VERSION}`], {
      GOBIN: join(folder, 'bin'),
      CGO_ENABLED: '0',
    }) ??
    // Without scripts: the native part needs the headers of the Node that comes with it.
    run('npm', ['install', '--ignore-scripts', ...quiet, ...PACKAGES]) ??
    run('npm', ['rebuild', 'aws-lambda-ric', ...quiet], {
      npm_config_nodedir: join(folder, 'node_modules', NODE),
      PATH: `${join(folder, 'node_modules', NODE, 'bin')}:${process.env['PATH']}`,
    })
  if (problem) return problem
  writeFileSync(stamp, wanted)
  return undefined
}

function nodePath() {
  return join(folder, 'node_modules', NODE, 'bin/node')
}

/**
 * Runs a command in the folder, and returns one line about its failure.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [environment]
 */
function run(command, args, environment) {
  const { status, error, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    timeout: 600_000,
  })
  if (error) return `${command} ${args[0]}: ${error.message}`
  if (status === 0) return undefined
  return `${command} ${args[0]}: ${stderr.trim().split('\n').at(-1) || `ended with ${status}`}`
}
