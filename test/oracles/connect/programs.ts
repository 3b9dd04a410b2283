import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import ts from 'typescript'

import { root } from '../../docs/markdown.ts'
import { newFolder } from '../../docs/typescript.ts'
import type { Gateway } from '../../support/gateway.ts'
import type { Runner } from './clients.ts'
import { blockOf } from './snippets.ts'

/** The programs that run the blocks; for `awscurl`, the folder of the command. */
export type Tools = Partial<Record<Runner, string>>

const CONNECT = join(root, 'test/oracles/connect')

/** Runs the code of a block with the credentials in variables. Resolves with its output. */
export function runnerOf(
  tools: Tools,
  { credentials, region }: Gateway,
): Record<Runner, (code: string) => Promise<string>> {
  const environment = (...folders: (string | undefined)[]) => ({
    PATH: [...folders, process.env['PATH']].filter(Boolean).join(delimiter),
    HOME: tmpdir(),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
  })

  async function inNode(node: string, folder: string, code: string) {
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    await writeFile(join(folder, 'client.mjs'), outputText)
    return run([node, 'client.mjs'], folder, environment())
  }

  async function inPython(program: string, code: string, signer = blockOf('sigv4.py')) {
    const folder = await newFolder('connect')
    await writeFile(join(folder, 'sigv4.py'), signer)
    await writeFile(join(folder, 'client.py'), code)
    return run([program, 'client.py'], folder, environment())
  }

  return {
    node: async code => inNode(process.execPath, await newFolder('connect'), code),
    npm: async code => inNode(tools.npm ?? '', join(root, '.cache/connect/npm'), code),
    python1: async code => inPython(tools.python1 ?? '', code),
    // As the page says.
    python2: async code =>
      inPython(
        tools.python2 ?? '',
        code,
        blockOf('sigv4.py').replace('import httpx\n', 'import httpx2 as httpx\n'),
      ),
    frameworks: async code => inPython(tools.frameworks ?? '', code),

    async go(code) {
      const folder = await newFolder('connect')
      for (const name of ['go.mod', 'go.sum'])
        await copyFile(join(CONNECT, 'go', name), join(folder, name))
      await writeFile(join(folder, 'sigv4.go'), blockOf('sigv4.go'))
      await writeFile(join(folder, 'main.go'), code)
      await run([tools.go ?? '', 'build', '-o', 'client', '.'], folder)
      return run([join(folder, 'client')], folder, environment())
    },

    async rust(code) {
      // `scripts/connect.mjs` has made the folder. Cargo compiles again what is at another path.
      const folder = join(root, '.cache/connect/rust')
      await mkdir(join(folder, 'src'), { recursive: true })
      await writeFile(join(folder, 'src/main.rs'), code)
      await run([tools.rust ?? '', 'build', '--quiet', '--locked', '--offline'], folder)
      const program = join(folder, 'target/debug/connect')
      return run([program], folder, environment(await commands(tools)))
    },

    /** Prints a configuration, and does with it what a host does. */
    async printed(code) {
      const own = environment(await commands(tools))
      return host(await run(['sh', '-ec', code], root, own), own)
    },
    configured: async code => host(code, environment(await commands(tools))),

    curl: async code => run(['sh', '-ec', code], root, environment()),
    awscurl: async code => run(['sh', '-ec', code], root, environment(tools.awscurl)),
  }
}

/** Starts the one server of a configuration, lists and calls. */
async function host(config: string, environment: Record<string, string>): Promise<string> {
  const [servers] = Object.values<Record<string, { command: string; args: string[] }>>(
    JSON.parse(config),
  )
  const [server] = Object.values(servers ?? {})
  if (!server) throw new Error(`There is no server in ${config}`)
  const transport = new StdioClientTransport({ ...server, env: environment, stderr: 'inherit' })
  const client = new Client({ name: 'host', version: '1.0.0' })
  await client.connect(transport)
  const { tools } = await client.listTools()
  const result = await client.callTool({ name: 'primes', arguments: { limit: 100 } })
  await client.close()
  return JSON.stringify({ tools: tools.map(({ name }) => name), result: result.structuredContent })
}

/** A folder with `npx` and `uvx` that start the bridge of this workspace and AWS's proxy. */
async function commands({ configured = '' }: Tools): Promise<string> {
  const folder = await newFolder('connect-commands')
  const bridge = join(root, 'packages/client/dist/bridge/connect.js')
  const start = {
    npx: `[ "$2" = @markvp/mcp-lambda-sam-client ] && shift 2 && exec '${process.execPath}' '${bridge}' "$@"`,
    uvx: `shift && exec '${configured}' -m mcp_proxy_for_aws.server "$@"`,
  }
  for (const [name, line] of Object.entries(start)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${line}\n`)
    await chmod(join(folder, name), 0o755)
  }
  return folder
}

/** Resolves with what a command writes to stdout; rejects with all output when it fails. */
async function run(
  [command = '', ...args]: string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, env, timeout: 300_000 })
    return stdout
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout: string; stderr: string; message: string }
    throw new Error(`${message}\n${stdout}\n${stderr}`)
  }
}
