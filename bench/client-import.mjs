// Processor time that an import of the client packages takes, in a new process.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { table } from './table.mjs'
import { median } from './turns.mjs'

const SCRIPT = `
  const before = process.cpuUsage()
  if (process.argv[1]) await import(process.argv[1])
  const { user, system } = process.cpuUsage(before)
  process.stdout.write(String((user + system) / 1000))
`

/** @param {import('./run.mjs').Options} options */
export default async function clientImport({ times }) {
  const entries = {
    client: 'packages/client/dist/index.js',
    'client/sigv4': 'packages/client/dist/sigv4.js',
    'admin-client': 'packages/admin-client/dist/index.js',
  }
  return table(
    ['import of', 'processor ms'],
    Object.entries(entries).map(([name, path]) => {
      const url = new URL(`../${path}`, import.meta.url)
      const measured = Array.from({ length: times(20) }, () => Number(run(url)))
      return [name, median(measured).toFixed(0)]
    }),
  )
}

/** @param {URL} url */
function run(url) {
  const args = ['--input-type=module', '--eval', SCRIPT, url.href]
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  return execFileSync(process.execPath, args, { encoding: 'utf8', cwd })
}
