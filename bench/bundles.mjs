// The size of the code: of all files, and of those that INIT loads.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

import { table } from './table.mjs'

export default async function bundles() {
  return table(
    ['bundle', 'KB', 'gzip KB'],
    ['mcp', 'registration'].flatMap(name => {
      const folder = new URL(`../packages/server/dist/lambda/${name}/`, import.meta.url)
      const all = readdirSync(folder).filter(it => it.endsWith('.mjs'))
      return [
        [`${name}, all files`, ...sizes(folder, all)],
        [`${name}, loaded in INIT`, ...sizes(folder, loadedInInit(folder))],
      ]
    }),
  )
}

/**
 * @param {URL} folder
 * @param {string[]} files
 */
function sizes(folder, files) {
  const sources = files.map(it => readFileSync(new URL(it, folder)))
  return [
    kilobytes(sources.map(it => it.length)),
    kilobytes(sources.map(it => gzipSync(it).length)),
  ]
}

/** @param {number[]} bytes */
const kilobytes = bytes => (bytes.reduce((total, size) => total + size, 0) / 1024).toFixed(0)

/**
 * The files that a new environment has loaded when its handler is there.
 *
 * @param {URL} folder
 * @returns {string[]}
 */
function loadedInInit(folder) {
  const script = fileURLToPath(new URL('loaded-files.mjs', import.meta.url))
  const loaded = execFileSync(process.execPath, [script, folder.href], { encoding: 'utf8' })
  return JSON.parse(loaded)
}
