// The programs of npm packages that this machine may lack. Each is undefined where npm has none for
// it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Installs npm packages in a new folder, and returns it. Throws with the output of npm.
 *
 * @param {string} folder
 * @param {string[]} packages
 */
export function install(folder, packages) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  const { status, stderr, error } = spawnSync('npm', ['install', ...options, ...packages], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(stderr || String(error))
  return folder
}

const CPU = process.arch === 'arm64' ? 'arm64' : 'x64'

/** By runtime: the package that brings its program, and the path of the program in it. */
const PACKAGES = {
  'Node 20': [`node-linux-${CPU}@20`, `node-linux-${CPU}/bin/node`],
  'Node 22': [`node-linux-${CPU}@22`, `node-linux-${CPU}/bin/node`],
  'Node 24': [`node-linux-${CPU}@24`, `node-linux-${CPU}/bin/node`],
  Bun: [
    `@oven/bun-linux-${CPU === 'x64' ? 'x64' : 'aarch64'}`,
    `@oven/bun-linux-${CPU === 'x64' ? 'x64' : 'aarch64'}/bin/bun`,
  ],
  Deno: [`@deno/linux-${CPU}-glibc`, `@deno/linux-${CPU}-glibc/deno`],
  workerd: [
    `@cloudflare/workerd-linux-${CPU === 'x64' ? '64' : 'arm64'}`,
    `@cloudflare/workerd-linux-${CPU === 'x64' ? '64' : 'arm64'}/bin/workerd`,
  ],
}

/**
 * The path of a runtime, or the reason why there is none.
 *
 * @param {keyof typeof PACKAGES} name
 * @param {string} folder for what is installed
 * @returns {{ path: string } | { reason: string }}
 */
export function runtime(name, folder) {
  if (process.platform !== 'linux') return { reason: 'the script takes it from npm on Linux only' }
  const [wanted = '', path = ''] = PACKAGES[name]
  try {
    const program = join(
      install(join(folder, name.replace(' ', '-')), [wanted]),
      'node_modules',
      path,
    )
    if (existsSync(program)) return { path: program }
    return { reason: `${wanted} has no ${path}` }
  } catch (error) {
    return {
      reason: `npm install ${wanted} failed: ${error instanceof Error ? error.message : error}`,
    }
  }
}

/** The path of a Chromium of this machine. */
export function chromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const paths = ['/usr/bin', '/usr/local/bin', '/snap/bin'].flatMap(it =>
    names.map(name => join(it, name)),
  )
  return [process.env['CHROMIUM'] ?? '', ...paths].find(it => it && existsSync(it))
}
