// Runs the packed packages in the runtimes that users have: Node 20, 22 and 24, Bun, Deno, a
// browser and workerd, as ES modules and as CommonJS, and beside the releases of the MCP SDK that
// the client works with. What this machine cannot have is skipped. The last line is
// "runtimes: N passed, N failed, N skipped".
import { execFile, execFileSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'

import { chromium, install, runtime } from './programs.mjs'
import { inChromium, inWorkerd } from './web-hosts.mjs'

/** The oldest release that works, those in which the transports changed, and the newest. */
const SDK_VERSIONS = ['1.10.0', '1.12.0', '1.17.0', '1.20.0', 'latest']

const counts = { passed: 0, failed: 0, skipped: 0 }
const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-runtimes-'))
const { packageManager } = JSON.parse(readFileSync('package.json', 'utf8'))
const tarballs = ['functions', 'client', 'admin-client'].map(pack)

mkdirSync(join(folder, 'functions'))
writeFileSync(
  join(folder, 'functions/hello.ts'),
  "export const handler = async ({ name }: { name: string }) => 'Hello, ' + name + '!'\n",
)
const local = await startLocal({ functions: join(folder, 'functions'), log: () => {} })
const { mcpUrl, registrationUrl, region, credentials } = local
await createAdminClient({ url: registrationUrl, region, credentials }).registerTool({
  name: 'hello',
  lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:hello',
  parameters: { name: 'string' },
})

const environment = {
  PATH: process.env['PATH'],
  HOME: folder,
  MCP_URL: mcpUrl,
  REGISTRATION_URL: registrationUrl,
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
}

try {
  for (const version of SDK_VERSIONS)
    await check(`beside @modelcontextprotocol/sdk ${version}`, async () => {
      const project = newProject(`sdk-${version}`, [`@modelcontextprotocol/sdk@${version}`])
      const path = join(project, 'node_modules/@modelcontextprotocol/sdk/package.json')
      const installed = JSON.parse(readFileSync(path, 'utf8')).version
      if (version !== 'latest' && installed !== version) throw new Error(`installed ${installed}`)
      await run(process.execPath, ['program.mjs'], project)
    })

  const project = join(folder, 'sdk-latest')
  for (const name of /** @type {const} */ (['Node 20', 'Node 22', 'Node 24'])) {
    const found = runtime(name, folder)
    for (const [kind, file] of [
      ['an ES module', 'program.mjs'],
      ['CommonJS', 'program.cjs'],
    ])
      if ('reason' in found) skip(`${name}, ${kind}`, found.reason)
      else await check(`${name}, ${kind}`, () => run(found.path, [file ?? ''], project))
  }
  const bun = runtime('Bun', folder)
  if ('reason' in bun) skip('Bun', bun.reason)
  else await check('Bun', () => run(bun.path, ['program.mjs'], project))
  const deno = runtime('Deno', folder)
  if ('reason' in deno) skip('Deno', deno.reason)
  else
    await check('Deno', () =>
      run(deno.path, ['run', '-A', '--node-modules-dir=manual', 'program.mjs'], project),
    )

  const web = newProject('web', ['@modelcontextprotocol/client@2'])
  const gateway = { url: mcpUrl, region, credentials }
  const browser = chromium()
  if (!browser) skip('Chromium', 'it is not installed: apt-get install chromium')
  else await check('Chromium', async () => expectGreetings(await inChromium(browser, web, gateway)))
  const workerd = runtime('workerd', folder)
  if ('reason' in workerd) skip('workerd', workerd.reason)
  else
    await check('workerd', async () => {
      expectGreetings(await inWorkerd(workerd.path, web, gateway, 20_000 + (process.pid % 20_000)))
    })
} finally {
  await local.close()
  rmSync(folder, { recursive: true, force: true })
}
const { passed, failed, skipped } = counts
process.stdout.write(`runtimes: ${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = failed ? 1 : 0

/** @param {string} name of a folder in packages; returns the path of its tarball */
function pack(name) {
  const destination = join(folder, `tarball-${name}`)
  execFileSync('npx', ['--yes', packageManager, 'pack', '--pack-destination', destination], {
    cwd: join('packages', name),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  return join(destination, readdirSync(destination)[0] ?? '')
}

/**
 * A folder with our packages, others and the programs. In CommonJS the program is the same with
 * `require`.
 *
 * @param {string} name
 * @param {string[]} others
 */
function newProject(name, others) {
  const project = install(join(folder, name), [...tarballs, ...others])
  for (const it of ['program.mjs', 'web.mjs'])
    copyFileSync(`test/runtimes/${it}`, join(project, it))
  const program = readFileSync('test/runtimes/program.mjs', 'utf8')
  const commonJs = program.replace(/^import (\{.+\}) from (.+)$/gm, 'const $1 = require($2)')
  writeFileSync(join(project, 'program.cjs'), commonJs)
  return project
}

/**
 * Does not block: the gateway runs in this process.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 */
async function run(program, args, cwd) {
  await promisify(execFile)(program, args, { cwd, env: environment, timeout: 120_000 })
}

/** @param {string} text */
function expectGreetings(text) {
  if (text.split('Hello, world!').length !== 3) throw new Error(text)
}

/**
 * @param {string} name
 * @param {() => Promise<void>} action
 */
async function check(name, action) {
  try {
    await action()
    counts.passed++
    process.stdout.write(`ok      ${name}\n`)
  } catch (error) {
    counts.failed++
    process.stdout.write(`FAILED  ${name}\n${error instanceof Error ? error.message : error}\n`)
  }
}

/**
 * @param {string} name
 * @param {string} reason
 */
function skip(name, reason) {
  counts.skipped++
  process.stdout.write(`SKIPPED ${name}: ${reason}\n`)
}
