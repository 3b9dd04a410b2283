// Lets clients of other languages connect to the built functions and stay, and checks that they
// hold no environment: clients of the MCP SDKs for Python, 1.x and 2.x, and of two for Go. What
// cannot be had is skipped. The last line is "clients-that-stay: N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { runTests, skipTests } from './counted-tests.mjs'
import { python } from './python.mjs'

/** @type {Record<string, string>} */
const found = {}
for (const major of [1, 2]) {
  const { path, reason } = python({
    packages: `python-mcp-${major}-requirements.txt`,
    folder: `python-mcp-${major}`,
  })
  if (path) found[`PYTHON_MCP_${major}`] = path
  else skip(`Python's mcp ${major}.x`, reason)
}
const { path, reason } = goClient()
if (path) found['GO_CLIENT'] = path
else skip('the clients in Go', reason)
if (Object.keys(found).length > 0)
  runTests('clients-that-stay', ['test/oracles/clients-that-stay.test.ts'], {
    ...found,
    CLIENTS_THAT_STAY: 'run',
  })
else skipTests('clients-that-stay', 'clients that stay', 'there is none')

/** @param {string} what @param {string | undefined} reason */
function skip(what, reason) {
  process.stdout.write(`SKIPPED ${what}: ${reason}\n`)
}

/**
 * Builds the clients in Go in `.cache`, which takes a minute and a network once.
 *
 * @returns {{ path: string, reason?: undefined } | { path?: undefined, reason: string }}
 */
function goClient() {
  const source = fileURLToPath(new URL('../test/oracles/clients/go', import.meta.url))
  const folder = fileURLToPath(new URL('../.cache/go-clients', import.meta.url))
  const path = join(folder, 'stay')
  const stamp = join(folder, 'stamp')
  const hash = createHash('sha256')
  for (const name of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(source, name)))
  const wanted = hash.digest('hex')
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted)
    return { path }
  if (spawnSync('go', ['version']).status !== 0) return { reason: 'go was not found' }
  process.stderr.write('Building the clients in Go in .cache/go-clients …\n')
  mkdirSync(folder, { recursive: true })
  const { status, stderr } = spawnSync('go', ['build', '-o', path, '.'], {
    cwd: source,
    encoding: 'utf8',
    timeout: 600_000,
  })
  if (status !== 0) return { reason: stderr?.trim().split('\n').at(-1) || 'go build failed' }
  writeFileSync(stamp, wanted)
  return { path }
}
