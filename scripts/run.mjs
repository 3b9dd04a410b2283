// Runs one of the root scripts on a machine that has only Node and npm. It installs the
// dependencies with the pinned pnpm (through npx) and builds the packages, then runs the task.
// Stamps of both steps are kept: a step is skipped while its inputs are unchanged.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @param {string} name of a tool in node_modules/.bin */
const bin = name =>
  join(root, 'node_modules/.bin', process.platform === 'win32' ? `${name}.cmd` : name)

/**
 * The commands of each task. They run one after the other, after the install and the build.
 *
 * @type {Record<string, (args: string[]) => string[][]>}
 */
const tasks = {
  build: () => [],
  demo: args => [node('examples/demo.mjs', ...args)],
  local: args => [
    node(
      'packages/server/bin/mcp-lambda-sam.js',
      'local',
      ...(args.includes('--functions') ? [] : ['--functions', 'examples/functions']),
      ...args,
    ),
  ],
  deploy: args => [node('packages/server/bin/mcp-lambda-sam.js', 'deploy', ...args)],
  test: args => [[bin('vitest'), 'run', ...args]],
  'full-load': args => {
    process.env['FULL_LOAD'] = '1'
    return [[bin('vitest'), 'run', 'test/concurrent-', ...args]]
  },
  moto: args => [node('scripts/moto.mjs', ...args)],
  'python-functions': args => [node('scripts/python-functions.mjs', ...args)],
  ministack: args => [node('scripts/ministack.mjs', ...args)],
  upgrade: args => [node('scripts/upgrade.mjs', ...args)],
  rie: args => [node('scripts/rie.mjs', ...args)],
  recorder: args => [node('scripts/recorder.mjs', ...args)],
  'clients-that-stay': args => [node('scripts/clients-that-stay.mjs', ...args)],
  connect: args => [node('scripts/connect.mjs', ...args)],
  'python-host': args => [node('scripts/python-host.mjs', ...args)],
  mcpb: () => [node('scripts/mcpb.mjs')],
  bench: args => [node('bench/run.mjs', ...args)],
  soak: args => [node('bench/soak.mjs', ...args)],
  fuzz: args => [node('test/fuzz/run.mjs', ...args)],
  chaos: args => [node('test/chaos/run.mjs', ...args)],
  faults: args => [node('test/faults/run.mjs', ...args)],
  conformance: args => [node('test/conformance/run.mjs', ...args)],
  lint: () => [
    [bin('biome'), 'check', '--error-on-warnings'],
    node('scripts/arrows.mjs'),
    [bin('knip')],
  ],
  types: () => [
    [bin('tsc'), '-p', 'tsconfig.json'],
    [bin('tsc'), '-p', 'tsconfig.javascript.json'],
  ],
  format: () => [node('scripts/arrows.mjs', '--write'), [bin('biome'), 'check', '--write']],
  packaging: () => [node('scripts/packaging.mjs')],
  console: args => [node('test/console/run.mjs', ...args)],
  runtimes: () => [node('test/runtimes/run.mjs')],
  template: () => [node('scripts/template.mjs')],
  'package:sar': args => [node('scripts/sar.mjs', 'package', ...args)],
  'publish:sar': args => [node('scripts/sar.mjs', 'publish', ...args)],
}

const [task = '', ...rest] = process.argv.slice(2)
const commandsOf = tasks[task]
if (!commandsOf) fail(`Unknown task "${task}". The tasks are ${Object.keys(tasks).join(', ')}.`)
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 12))
  fail(`Node.js 20.12 or newer is needed. This is ${process.version}.`)

process.chdir(root)
install()
if (task !== 'format') build()
for (const [command = '', ...args] of commandsOf(rest)) run(command, args)

function install() {
  const wanted = digest(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json'])
  const stamp = 'node_modules/.install-stamp'
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  const { packageManager } = JSON.parse(readFileSync('package.json', 'utf8'))
  say(`Installing dependencies with ${packageManager} …`)
  run('npx', [
    '--yes',
    packageManager,
    'install',
    '--frozen-lockfile',
    '--reporter=append-only',
    '--loglevel=warn',
  ])
  writeFileSync(stamp, wanted)
}

/**
 * Builds the packages in the order of their imports. A package is skipped while its sources and the
 * packages before it are unchanged.
 */
function build() {
  mkdirSync('.cache/build', { recursive: true })
  let above = ''
  for (const name of ['functions', 'client', 'admin-client', 'server']) {
    const folder = `packages/${name}`
    const sources = [
      ...files(`${folder}/src`),
      `${folder}/package.json`,
      `${folder}/tsup.config.ts`,
      'tsconfig.json',
      'pnpm-lock.yaml',
    ]
    if (name === 'server') sources.push('template.yaml')
    above = digest(sources, above)
    // The stamp is outside of dist, because dist is published.
    const stamp = `.cache/build/${name}`
    const isCurrent = existsSync(stamp) && readFileSync(stamp, 'utf8') === above
    if (isCurrent && existsSync(`${folder}/dist`)) continue
    say(`Building ${folder} …`)
    // A build that fails must leave neither the stamp nor the files of an earlier one.
    for (const it of [stamp, `${folder}/dist`]) rmSync(it, { recursive: true, force: true })
    run(bin('tsup'), ['--silent'], { cwd: folder })
    writeFileSync(stamp, above)
  }
}

/**
 * All files below a folder, in a fixed order.
 *
 * @param {string} folder
 */
function files(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => join(folder, name))
    .filter(path => statSync(path).isFile())
    .sort()
}

/**
 * One hash of the files' paths and contents.
 *
 * @param {string[]} paths
 */
function digest(paths, seed = '') {
  const hash = createHash('sha256').update(seed)
  for (const path of paths) hash.update(path).update(readFileSync(path))
  return hash.digest('hex')
}

/** @param {string[]} args */
function node(...args) {
  return [process.execPath, '--enable-source-maps', ...args]
}

/**
 * Runs a command to its end. When it fails, this process ends with its exit code.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string }} [options]
 */
function run(command, args, options = {}) {
  // On Windows npx and the tools in node_modules/.bin are .cmd files, which need a shell.
  const shell = process.platform === 'win32' && command !== process.execPath
  const { status, signal, error } = spawnSync(command, args, {
    stdio: 'inherit',
    shell,
    ...options,
  })
  if (error) fail(`Could not start ${command}: ${error.message}`)
  if (signal) process.kill(process.pid, signal)
  if (status !== 0) process.exit(status ?? 1)
}

/** @param {string} message */
function say(message) {
  process.stderr.write(`${message}\n`)
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  say(message)
  process.exit(1)
}
