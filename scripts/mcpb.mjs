// Builds the desktop bundle (MCPB) of the bridge: the built command and a manifest. Anthropic's own
// tool validates the manifest and packs the bundle, and the packed command is started once. npm
// downloads the tool; where it cannot, this is skipped. The last line is "mcpb: N passed, N failed,
// N skipped".
//
//     npm run mcpb
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { skipTests } from './counted-tests.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const TOOL = '@anthropic-ai/mcpb@2.1.2'
const folder = join(root, '.cache/mcpb')
const source = join(folder, 'source')
const bundle = join(folder, 'mcp-lambda-sam.mcpb')
const { version, description, license, homepage, repository, keywords } = JSON.parse(
  readFileSync(join(root, 'packages/client/package.json'), 'utf8'),
)

/** https://github.com/anthropics/mcpb/blob/main/MANIFEST.md */
const manifest = {
  manifest_version: '0.3',
  name: 'mcp-lambda-sam',
  display_name: 'MCP Lambda SAM gateway',
  version,
  description: 'Connects to an MCP gateway on AWS Lambda and signs with your AWS login',
  long_description: description,
  author: { name: 'MCP Lambda SAM', url: homepage },
  homepage,
  repository: { type: 'git', url: repository.url.replace(/^git\+/, '') },
  license,
  keywords,
  tools_generated: true,
  prompts_generated: true,
  server: {
    type: 'node',
    entry_point: 'server/connect.js',
    mcp_config: {
      command: 'node',
      args: [`\${__dirname}/server/connect.js`],
      env: {
        MCP_URL: `\${user_config.url}`,
        AWS_PROFILE: `\${user_config.profile}`,
        AWS_REGION: `\${user_config.region}`,
      },
    },
  },
  user_config: {
    url: {
      type: 'string',
      title: 'URL of the gateway',
      description: 'The McpUrl output of the stack',
      required: true,
    },
    profile: {
      type: 'string',
      title: 'AWS profile',
      description: 'The profile that you log in to; empty: the default one',
      required: false,
      default: '',
    },
    region: {
      type: 'string',
      title: 'AWS region',
      description: 'Only for a URL that does not name its region',
      required: false,
      default: '',
    },
  },
  compatibility: { platforms: ['darwin', 'win32', 'linux'], runtimes: { node: '>=20' } },
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(join(source, 'server'), { recursive: true })
writeFileSync(join(source, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
copyFileSync(
  join(root, 'packages/client/dist/bridge/connect.js'),
  join(source, 'server/connect.js'),
)
// Without it, Node would take the file for CommonJS.
writeFileSync(join(source, 'package.json'), '{"type":"module"}\n')
copyFileSync(join(root, 'packages/client/LICENSE'), join(source, 'LICENSE'))

const reached = tool('--version')
if (reached.status === 0) main()
else skipTests('mcpb', 'the desktop bundle', reached.stderr.trim().split('\n').at(-1) ?? '')

function main() {
  const unpacked = join(folder, 'unpacked')
  const steps = [
    () => tool('validate', join(source, 'manifest.json')),
    () => tool('pack', source, bundle),
    () => tool('unpack', bundle, unpacked),
    () => run(process.execPath, [join(unpacked, 'server/connect.js'), '--version']),
  ]
  let passed = 0
  for (const step of steps) {
    const { status, stdout, stderr } = step()
    if (status === 0) passed++
    else process.stderr.write(`${stdout}${stderr}`)
  }
  if (passed === steps.length)
    process.stdout.write(`${bundle}: ${Math.round(statSync(bundle).size / 1024)} KB\n`)
  process.stdout.write(`mcpb: ${passed} passed, ${steps.length - passed} failed, 0 skipped\n`)
  process.exitCode = passed === steps.length ? 0 : 1
}

/** @param {string[]} args */
function tool(...args) {
  return run(process.platform === 'win32' ? 'npx.cmd' : 'npx', ['--yes', TOOL, ...args])
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  return spawnSync(command, args, { encoding: 'utf8', shell: command.endsWith('.cmd') })
}
