// Packages the stack for the AWS Serverless Application Repository, and publishes the package.
// Both use the SAM CLI.
//
//     sar.mjs package|publish [--bucket NAME] [--region REGION] [--profile NAME] [--dry-run]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { sarTemplate } from './sar-template.mjs'

const TEMPLATE = '.cache/sar.yaml'
const PACKAGED = '.cache/packaged.yaml'
const NAME = /^( +)Name: mcp-lambda-sam$/m
const INSTALL =
  'https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html'

/** @type {Record<string, () => string[]>} */
const commands = { package: packageCommand, publish: publishCommand }

const { values, positionals } = options()
const command = commands[positionals[0] ?? '']
if (!command || positionals.length > 1) fail('Usage: sar.mjs package|publish')
run('sam', [...command(), ...common()])

function packageCommand() {
  mkdirSync('.cache', { recursive: true })
  // The version of the code that is packaged, so that no other one is published with it.
  const template = sarTemplate(readFileSync('template.yaml', 'utf8'), '..')
  writeFileSync(TEMPLATE, template.replace(NAME, `$&\n$1SemanticVersion: ${version()}`))
  // The default bucket of the SAM CLI lets the repository read. Your own bucket must do the same.
  const bucket = values.bucket ? ['--s3-bucket', values.bucket] : ['--resolve-s3']
  const files = ['--template-file', TEMPLATE, '--output-template-file', PACKAGED]
  return ['package', ...files, ...bucket]
}

function publishCommand() {
  if (values.bucket) fail('--bucket is an option of package:sar only')
  if (!values['dry-run']) assertPackaged(version())
  return [
    'publish',
    '--template',
    PACKAGED,
    '--semantic-version',
    version(),
    '--fail-on-same-version',
  ]
}

/** @param {string} version */
function assertPackaged(version) {
  if (version === '0.0.0')
    fail('The version of packages/server is 0.0.0: run "npx changeset version" first')
  if (!existsSync(PACKAGED))
    fail(`There is no ${PACKAGED} to publish: run "npm run package:sar" first`)
  const [, packaged = 'none'] =
    /^ +SemanticVersion: ['"]?([^\s'"]+)/m.exec(readFileSync(PACKAGED, 'utf8')) ?? []
  if (packaged !== version)
    fail(
      `${PACKAGED} has the code of version ${packaged}, and packages/server is ${version}: run "npm run package:sar" again`,
    )
}

/** @returns {string} the version of packages/server */
function version() {
  return JSON.parse(readFileSync('packages/server/package.json', 'utf8')).version
}

function common() {
  const { region, profile } = values
  return [...(region ? ['--region', region] : []), ...(profile ? ['--profile', profile] : [])]
}

/**
 * @param {string} program
 * @param {string[]} args
 */
function run(program, args) {
  process.stderr.write(`${[program, ...args].join(' ')}\n`)
  if (values['dry-run']) return
  // On Windows it is a .cmd file, which needs a shell.
  const windows = process.platform === 'win32'
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', shell: windows })
  if (error)
    fail(
      `The SAM CLI is needed, and it could not be started (${error.message}). Install it: ${INSTALL}`,
    )
  process.exitCode = status ?? 1
}

function options() {
  const string = /** @type {const} */ ({ type: 'string' })
  try {
    return parseArgs({
      allowPositionals: true,
      options: { bucket: string, region: string, profile: string, 'dry-run': { type: 'boolean' } },
    })
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error))
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
