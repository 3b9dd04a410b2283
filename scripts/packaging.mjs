// Checks the packages as npm delivers them. Each tarball: its files and size, publint, attw, and
// what an install of it alone brings. Then all of them are installed into an empty folder, compiled
// against and used. Prints one line per check. Exits with 1 when a check fails. Its last line is
// "packaging: N passed, N failed".
import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const packages = ['functions', 'client', 'admin-client', 'server']
const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-packaging-'))
const { packageManager } = JSON.parse(readFileSync('package.json', 'utf8'))
/** @type {boolean[]} */
const results = []

// Hidden files, such as a build stamp, are not for users.
const HIDDEN = /\/\.[^/]+$/
/** The most that an install may bring. The files of this package are in the number of bytes. */
const LIMITS = {
  functions: { packages: 1, bytes: 100_000 },
  client: { packages: 3, bytes: 2_000_000 },
  'admin-client': { packages: 4, bytes: 5_000_000 },
  server: { packages: 10, bytes: 25_000_000 },
}

// CommonJS code loads these with import(), as it does the package that deploys.
const ESM_ENTRIES = ['manifest', 'command-line']
// Source maps of the CLI and the Lambda bundles were 7 MB of 9 MB. The maps of libraries stay.
const MAP_OF_THE_SERVER = /^package\/dist\/.*\.map$/

const IMPORTS = `
  const { deploy } = await import('@markvp/mcp-lambda-sam')
  if (typeof deploy !== 'function') throw new Error('deploy')
  await import('@markvp/mcp-lambda-sam-admin-client')
  await import('@markvp/mcp-lambda-sam-client')
  const { defineTool, testFunction } = await import('@markvp/mcp-lambda-sam-functions')
  const { text } = await testFunction(defineTool({ name: 'it', run: () => 'run' }), {})
  if (text !== 'run') throw new Error(text)
`

// A machine without AWS gets this far: the list of uploads, then the error about missing
// credentials.
const DRY_RUN = `
  import { spawnSync } from 'node:child_process'
  import { devNull } from 'node:os'

  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'))
  const { status, stderr } = spawnSync(
    'npx',
    ['--no-install', 'mcp-lambda-sam', 'deploy', '--dry-run', '--region', 'eu-central-1'],
    {
      encoding: 'utf8',
      shell: process.platform === 'win32',
      env: {
        ...Object.fromEntries(own),
        AWS_CONFIG_FILE: devNull,
        AWS_SHARED_CREDENTIALS_FILE: devNull,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    },
  )
  const found = ['McpFunction', 'RegistrationFunction', 'ResourceFunction'].every(it => stderr.includes('Bundle ' + it))
  if (!found || status !== 1 || !/credentials/.test(stderr)) throw new Error(stderr)
`

const REQUIRES = `
  const { createAdminClient } = require('@markvp/mcp-lambda-sam-admin-client')
  const { connect } = require('@markvp/mcp-lambda-sam-client')
  const { SIGNING_ERRORS } = require('@markvp/mcp-lambda-sam-client/sigv4')
  const { defineTool } = require('@markvp/mcp-lambda-sam-functions')
  for (const it of [createAdminClient, connect, defineTool])
    if (typeof it !== 'function') throw new Error(String(it))
  if (typeof SIGNING_ERRORS !== 'object') throw new Error('SIGNING_ERRORS')
`

// Without the types of Node and of the MCP SDK: ours must not need them.
const PROGRAM = `
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import type { ToolInput } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { connect, SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'
import { defineTool, describe } from '@markvp/mcp-lambda-sam-functions'

const handler = defineTool({ name: 'it', run: () => 'run' })
const tool: ToolInput = describe(handler, { lambdaArn: 'arn' })
export const admin = createAdminClient({ url: 'https://example.com' }).registerTool(tool)
const client = { connect: async () => {} }
export const connected = connect(client, 'https://example.com', { region: 'eu-west-1' })
export const sse = new SigV4SseTransport('https://example.com').start()
export const response: Promise<Response> = signedFetch()('https://example.com')
`

// The package that deploys is ESM only.
const DEPLOY_PROGRAM = `
import { deploy } from '@markvp/mcp-lambda-sam'
import { startLocal } from '@markvp/mcp-lambda-sam/local'
export const all = [deploy({ region: 'eu-west-1' }), startLocal({ port: 0 })]
`

const MAIN = `
  import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
  import { SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
  import { startLocal } from '@markvp/mcp-lambda-sam/local'
  import { Client } from '@modelcontextprotocol/client'

  const { mcpUrl, registrationUrl, region, credentials, close } = await startLocal({ functions: 'functions' })
  const admin = createAdminClient({ url: registrationUrl, region, credentials })
  await admin.registerTool({
    name: 'hello',
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:hello',
    parameters: { name: 'string' },
  })
  const client = new Client({ name: 'packaging', version: '1.0.0' })
  await client.connect(new SigV4SseTransport(mcpUrl, { region, credentials }))
  const { content } = await client.callTool({ name: 'hello', arguments: { name: 'world' } })
  await client.close()
  await close()
  if (content[0].text !== 'Hello, world!') throw new Error(JSON.stringify(content))
`

/** The manifest says why it does not load, so that no command goes on with it. */
const READS_TYPESCRIPT = `
  import { spawnSync } from 'node:child_process'
  import { writeFileSync } from 'node:fs'
  writeFileSync('mcp.ts', 'const message: string = "read as TypeScript"\\nthrow new Error(message)\\n')
  const { stderr } = spawnSync(process.execPath, process.argv.slice(1), {
    encoding: 'utf8',
    env: { ...process.env, REGISTRATION_URL: 'http://127.0.0.1:9', AWS_REGION: 'us-east-1' },
  })
  if (!stderr.includes('does not load: read as TypeScript')) throw new Error(stderr)
`

try {
  const tarballs = new Map(packages.map(name => [name, pack(name)]))
  for (const [name, tarball] of tarballs) {
    checkFiles(name, tarball)
    check(`publint ${name}`, bin('publint'), [tarball, '--strict'])
    // The package that deploys is ESM only by design. CommonJS code uses Node's require(esm).
    const profile = name === 'server' ? 'esm-only' : 'node16'
    const others = name === 'admin-client' ? ['--exclude-entrypoints', ...ESM_ENTRIES] : []
    check(`attw ${name}`, bin('attw'), [tarball, '--profile', profile, '--no-emoji', ...others])
  }
  checkInstalls(tarballs)
  install([...tarballs.values()])
  const project = join(folder, 'project')
  check(
    'the packages can be imported',
    process.execPath,
    ['--input-type=module', '--eval', IMPORTS],
    project,
  )
  check('they can be required', process.execPath, ['--eval', REQUIRES], project)
  for (const resolution of ['nodenext', 'node16', 'bundler']) checkTypes(project, resolution)
  check(
    'the command prints its version',
    process.execPath,
    [join(project, 'node_modules/@markvp/mcp-lambda-sam/bin/mcp-lambda-sam.js'), '--version'],
    project,
  )
  check(
    'npx mcp-lambda-sam deploy --dry-run finds its template and code, and only misses credentials',
    process.execPath,
    ['--input-type=module', '--eval', DRY_RUN],
    project,
  )
  for (const [command, args] of Object.entries({
    'mcp-lambda-sam-admin-client/bin/mcp-lambda-sam-admin.js': ['plan', 'mcp.ts'],
    'mcp-lambda-sam/bin/mcp-lambda-sam.js': ['local', '--manifest', 'mcp.ts', '--no-console'],
  }))
    check(
      `${args[0]} reads a manifest in TypeScript`,
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        READS_TYPESCRIPT,
        `node_modules/@markvp/${command}`,
        ...args,
      ],
      project,
    )
  check('a tool is called through the installed packages', process.execPath, ['main.mjs'], project)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const failed = results.filter(ok => !ok).length
process.stdout.write(`packaging: ${results.length - failed} passed, ${failed} failed\n`)
process.exitCode = failed ? 1 : 0

/**
 * Packs a package as npm would, and returns the path of the tarball.
 *
 * @param {string} name
 */
function pack(name) {
  const destination = join(folder, name)
  execFileSync('npx', ['--yes', packageManager, 'pack', '--pack-destination', destination], {
    cwd: join('packages', name),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  return join(destination, readdirSync(destination)[0] ?? '')
}

/**
 * @param {string} name
 * @param {string} tarball
 */
function checkFiles(name, tarball) {
  const list = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  const unwanted = name === 'server' ? [HIDDEN, MAP_OF_THE_SERVER] : [HIDDEN]
  const found = list.filter(path => unwanted.some(it => it.test(path)))
  const size = `${(statSync(tarball).size / 1024).toFixed(0)} KB, ${list.length} files`
  report(`${name} has only files for users (${size})`, found.length === 0, found.join('\n'))
}

/**
 * Installs each package alone, with those of ours that it needs.
 *
 * @param {Map<string, string>} tarballs
 */
function checkInstalls(tarballs) {
  const client = tarballs.get('client') ?? ''
  for (const [name, { packages, bytes }] of Object.entries(LIMITS)) {
    const alone = join(folder, `alone-${name}`)
    mkdirSync(alone)
    writeFileSync(join(alone, 'package.json'), '{ "private": true }')
    const needed = name === 'functions' || name === 'client' ? [] : [client]
    npmInstall(alone, [tarballs.get(name) ?? '', ...needed])
    const lock = JSON.parse(readFileSync(join(alone, 'node_modules/.package-lock.json'), 'utf8'))
    const installed = Object.values(/** @type {Record<string, object>} */ (lock.packages))
    const size = readdirSync(join(alone, 'node_modules'), { recursive: true, encoding: 'utf8' })
      .filter(it => !it.endsWith('.package-lock.json'))
      .map(it => statSync(join(alone, 'node_modules', it)))
      .reduce((sum, it) => sum + (it.isFile() ? it.size : 0), 0)
    const scripts = installed.filter(it => 'hasInstallScript' in it)
    report(
      `an install of ${name} brings ${installed.length} packages, ${(size / 1e6).toFixed(2)} MB`,
      installed.length <= packages && size <= bytes && scripts.length === 0,
      `At most ${packages} packages, ${bytes} bytes and no install script`,
    )
  }
}

/**
 * Compiles a program against the installed packages, in ES modules and in CommonJS.
 *
 * @param {string} project
 * @param {string} resolution
 */
function checkTypes(project, resolution) {
  const types = join(project, `types-${resolution}`)
  mkdirSync(types)
  const isBundler = resolution === 'bundler'
  writeFileSync(join(types, 'program.mts'), PROGRAM)
  writeFileSync(join(types, 'deploy.mts'), DEPLOY_PROGRAM)
  if (!isBundler) writeFileSync(join(types, 'program.cts'), PROGRAM)
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    target: 'ES2023',
    lib: ['ES2023', 'DOM', 'DOM.Iterable'],
    types: [],
    module: isBundler ? 'esnext' : resolution,
    moduleResolution: resolution,
  }
  writeFileSync(join(types, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*'] }))
  check(`the types compile with ${resolution}`, bin('tsc'), ['-p', types, '--pretty', 'false'])
}

/** @param {string[]} tarballs */
function install(tarballs) {
  const project = join(folder, 'project')
  mkdirSync(join(project, 'functions'), { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  writeFileSync(
    join(project, 'functions/hello.ts'),
    "export const handler = async ({ name }: { name: string }) => 'Hello, ' + name + '!'\n",
  )
  writeFileSync(join(project, 'main.mjs'), MAIN)
  npmInstall(project, [...tarballs, '@modelcontextprotocol/client@2.4.0'])
}

/**
 * @param {string} cwd
 * @param {string[]} packages
 */
function npmInstall(cwd, packages) {
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  execFileSync('npm', ['install', ...options, ...packages], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
}

/**
 * Passes when the command exits with 0.
 *
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @param {string} [cwd]
 */
function check(name, command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: 600_000,
  })
  report(name, status === 0, `${stdout}${stderr}`)
}

/**
 * @param {string} name
 * @param {boolean} ok
 * @param {string} details printed when the check has failed
 */
function report(name, ok, details) {
  results.push(ok)
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name}\n`)
  if (!ok) process.stdout.write(`${details}\n`)
}

/** @param {string} name of a tool in node_modules/.bin */
function bin(name) {
  return resolve('node_modules/.bin', process.platform === 'win32' ? `${name}.cmd` : name)
}
